"""Small cells for the tests of bad files and of writes that fail."""

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd

from glmkit.files import sha256

SYMBOLS = ["TP53", "CD3E", "CD19", "MS4A1", "NKG7", "LYZ", "ACTB"]
IDS = ["ENSG00000141510", "ENSG00000198851", "ENSG00000177455", "ENSG00000156738", "ENSG00000105374", "ENSG00000090382"]
IDS.append("ENSG00000075624")
CELLS, GENES = 11, len(SYMBOLS)


def counts(cells: int = CELLS, genes: int = GENES) -> np.ndarray:
    """Whole numbers, a third of them zero, no cell empty."""
    values = np.random.default_rng(3).poisson(1.2, (cells, genes)).astype(np.float32)
    values[:, 0] += 1
    return values


def make(values: Any = None, names: list[str] | None = None, **more: Any) -> anndata.AnnData:
    """A file's content: cells c0, c1 ... with a donor each, genes by symbol unless named."""
    values = counts() if values is None else values
    names = SYMBOLS if names is None else names
    obs = pd.DataFrame({"donor": [f"d{i % 3}" for i in range(values.shape[0])]}, index=[f"c{i}" for i in range(values.shape[0])])
    return anndata.AnnData(values, obs=obs, var=pd.DataFrame(index=names), **more)


def fingerprint(path: Path) -> dict[str, str]:
    """Hash of a file, or of all files of a folder."""
    return {str(file): sha256(file) for file in ([path] if path.is_file() else sorted(path.rglob("*"))) if file.is_file()}
