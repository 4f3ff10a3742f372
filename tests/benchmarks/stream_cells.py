"""Many synthetic cells into a token store, made as they are read: how long it takes, and the most memory it ever holds.

``python tests/benchmarks/stream_cells.py --cells 1000000`` (20,000 genes, about 700 detected in a cell). The cells come as an iterator of
AnnData and never exist as a whole. Writes one line of JSON.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from numba import njit
from scipy import sparse

from glmkit.tokens import RankTokenizer, write_cell_tokens

GENES, PART = 20_000, 8192


@njit
def fill(gaps, counts, firsts, limits, genes, indptr, columns, data):  # type: ignore[no-untyped-def]
    """Rows of sorted columns: gaps between them, and counts, are read from tables at a random place."""
    n = 0
    for row in range(len(firsts)):
        place, column, most = firsts[row], -1, n + limits[row]
        while n < most:
            column += gaps[place & (len(gaps) - 1)]
            if column >= genes:
                break
            columns[n], data[n] = column, counts[place & (len(counts) - 1)]
            n, place = n + 1, place + 1
        indptr[row + 1] = n
    return n


def parts(cells: int, seed: int = 0) -> Iterator[anndata.AnnData]:
    """Cells in parts of 8,192."""
    rng = np.random.default_rng(seed)
    gaps = rng.geometric(1 / 25, 1 << 20).astype(np.int64)
    counts = rng.geometric(0.45, 1 << 20).astype(np.float32)
    var = pd.DataFrame(index=[f"ENSG{i:011d}" for i in range(GENES)])
    columns, data = np.empty(PART * 1200, np.int32), np.empty(PART * 1200, np.float32)
    for start in range(0, cells, PART):
        size = min(PART, cells - start)
        indptr = np.zeros(size + 1, np.int32)
        limits = np.clip(rng.lognormal(6.6, 0.4, size), 100, 1200).astype(np.int64)
        n = fill(gaps, counts, rng.integers(0, 1 << 20, size), limits, GENES, indptr, columns, data)
        matrix = sparse.csr_matrix((data[:n], columns[:n], indptr), shape=(size, GENES))
        yield anndata.AnnData(matrix, pd.DataFrame(index=[f"cell{start + i}" for i in range(size)]), var)


def main() -> None:
    """Encode, and print what it took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cells", type=int, default=20_000)
    cells = parser.parse_args().cells
    tokenizer = RankTokenizer(
        [f"ENSG{i:011d}" for i in range(GENES)], np.random.default_rng(1).lognormal(0.8, 0.7, GENES), length=2048
    )
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        store = write_cell_tokens(Path(folder) / "store", parts(cells), tokenizer)
        seconds = time.process_time() - start
        found = {"cells": len(store), "tokens": int(store.offsets[-1]), "tokens_a_cell": float(store.lengths.mean().round(1))}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps(found | {"cpu_seconds": round(seconds, 1), "peak_mb": round(peak / 1024)}))


if __name__ == "__main__":
    main()
