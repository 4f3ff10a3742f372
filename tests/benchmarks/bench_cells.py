"""Cells: rank tokens against Geneformer's algorithm, random mini-batches against AnnData backed and bionemo-scdl, memory of a stream.

``python tests/benchmarks/bench_cells.py [--cells 1000000]``; `cells` is the length of the longer of two streams, whose peak memory is
compared. Synthetic cells of 20,000 genes. What both sides give is compared first. annbatch, which reads shards in order and
shuffles them in a buffer, has no release for this version of Python and was not measured.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np
from bionemo.scdl.io.single_cell_memmap_dataset import SingleCellMemMapDataset
from scipy import sparse
from stream_cells import GENES, parts
from turns import Row, in_turns, show

from glmkit.data import CellStore
from glmkit.tokens import RankTokenizer

BATCH = 64


def nonzero_sort(adata: anndata.AnnData, rank: RankTokenizer) -> list[np.ndarray]:
    """The rule at its leanest in NumPy: each cell's non-zero counts are normalised and sorted."""
    matrix, found = adata.X, []
    totals = np.asarray(matrix.sum(1, dtype=np.float64)).ravel()
    for row, total in enumerate(totals):
        cell = matrix[row]
        values = cell.data.astype(np.float64) / total * 10000 / rank.medians[cell.indices]
        found.append((cell.indices[np.argsort(-values, kind="stable")] + rank.first)[: rank.length])
    return found


def as_published(adata: anndata.AnnData, rank: RankTokenizer, chunk: int = 512) -> list[np.ndarray]:
    """The steps of Geneformer's tokenizer in today's SciPy: 512 cells at a time as sparse products, then an argsort for each cell.

    SciPy multiplies by reciprocals, and that argsort is not stable: a few cells differ from exact division with ordered ties.
    """
    found = []
    totals = np.asarray(adata.X.sum(1, dtype=np.float64))
    for start in range(0, adata.n_obs, chunk):
        values = adata.X[start : start + chunk] / totals[start : start + chunk] * 10000 / rank.medians
        values = sparse.csr_matrix(values)
        for row in range(values.shape[0]):
            cell = values[row]
            found.append((cell.indices[np.argsort(-cell.data)] + rank.first)[: rank.length])
    return found


def ranks(cells: int = 4000) -> list[Row]:
    """Encoding, at about 670 and about 2,000 detected genes of a cell."""
    rows = []
    genes = [f"ENSG{i:011d}" for i in range(GENES)]
    rank = RankTokenizer(genes, np.random.default_rng(1).lognormal(0.8, 0.7, GENES))
    sparse_cells = anndata.concat(list(parts(cells)))
    rng = np.random.default_rng(2)
    dense_rows = [np.sort(rng.choice(GENES, int(n), replace=False)) for n in np.clip(rng.lognormal(7.5, 0.4, cells), 300, 8000)]
    offsets = np.r_[0, np.cumsum([len(row) for row in dense_rows])]
    matrix = sparse.csr_matrix(
        (rng.geometric(0.4, offsets[-1]).astype(np.float32), np.concatenate(dense_rows), offsets), (cells, GENES)
    )
    deep_cells = anndata.AnnData(matrix)
    deep_cells.var_names = genes
    for adata in (sparse_cells, deep_cells):
        work = f"rank tokens, {adata.X.nnz // cells:,} genes of 20,000 detected"
        found = rank.encode_cells(adata)
        peers = (("Geneformer's steps in SciPy", as_published, 0.9), ("the same rule, exact, ties in order", nonzero_sort, 1.0))
        for name, side, least in peers:
            same = np.mean([np.array_equal(found.item(cell), ids) for cell, ids in enumerate(side(adata, rank))])
            if same < least:
                raise SystemExit(f"{work}: {1 - same:.1%} of the cells differ from {name}; no timing is worth printing.")
            mine, slow = in_turns(lambda a=adata: rank.encode_cells(a), lambda a=adata, s=side: s(a, rank))
            rows.append(Row(work, name, slow / mine, 7.0, f"{1e6 * mine / cells:.0f} µs a cell; {same:.1%} of cells equal"))
    return rows


def batches(folder: Path, cells: int = 20_000, number: int = 40) -> list[Row]:
    """Random mini-batches of 64 cells."""
    adata = anndata.concat(list(parts(cells)))
    path = folder / "cells.h5ad"
    adata.write_h5ad(path)
    store = CellStore.write(folder / "store", adata)
    backed = anndata.read_h5ad(path, backed="r")
    scdl = SingleCellMemMapDataset(str(folder / "scdl"), h5ad_path=str(path), use_X_not_raw=True)
    rng = np.random.default_rng(3)
    chosen = [np.sort(rng.choice(cells, BATCH, replace=False)) for _ in range(number)]

    def from_scdl(rows: np.ndarray) -> sparse.csr_matrix:
        found = [scdl.get_row(int(row))[0] for row in rows]
        offsets = np.r_[0, np.cumsum([len(values) for values, _ in found])]
        parts = (np.concatenate([values for values, _ in found]), np.concatenate([columns for _, columns in found]), offsets)
        return sparse.csr_matrix(parts, (len(rows), GENES))

    def every(read: Callable[[np.ndarray], sparse.csr_matrix]) -> Callable[[], None]:
        return lambda: [read(rows) for rows in chosen] and None

    sides = {
        "AnnData backed, X[rows]": (lambda rows: backed.X[rows], 25.0),
        "AnnData backed, adata[rows]": (lambda rows: backed[rows].to_memory().X, 25.0),
        "bionemo-scdl, rows put together": (from_scdl, 3.0),
    }
    for name, (read, _) in sides.items():
        if (read(chosen[0]) != store.rows(chosen[0])).nnz:
            raise SystemExit(f"The counts differ from {name}; no timing is worth printing.")
    seconds = in_turns(every(store.rows), *(every(read) for read, _ in sides.values()))
    note = f"{1e6 * seconds[0] / number:.0f} µs a batch; equal counts"
    return [
        Row("random mini-batches of 64 cells", name, slow / seconds[0], goal, note)
        for (name, (_, goal)), slow in zip(sides.items(), seconds[1:], strict=True)
    ]


def stream(cells: int) -> dict[str, float]:
    """What a stream of cells into a token store took, in a process of its own."""
    script = Path(__file__).with_name("stream_cells.py")
    done = subprocess.run([sys.executable, str(script), "--cells", str(cells)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Print the table, and the memory of two streams."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=100_000, help="cells of the longer stream")
    cells = parser.parse_args().cells
    with tempfile.TemporaryDirectory() as folder:
        show([*ranks(), *batches(Path(folder))])
    for found in map(stream, (cells // 10, cells)):
        print(
            f"{found['cells']:,} cells × {GENES:,} genes into a token store: {found['cpu_seconds']:.0f} CPU s, "
            f"{found['peak_mb']:,} MB at most, {found['tokens_a_cell']:.0f} tokens a cell"
        )


if __name__ == "__main__":
    main()
