"""Reader of the output folder of 10x Genomics Cell Ranger: a matrix with its features and barcodes, compressed or not.

Version 2 names the features ``genes.tsv`` (id, symbol), version 3 ``features.tsv`` (id, symbol, type). scanpy reads version 2
only uncompressed and version 3 only compressed. This reader accepts both, because such files are often recompressed.
"""

from pathlib import Path

import pandas as pd
from scipy import io, sparse

from glmkit.bio.cells.source import Source
from glmkit.errors import BadInput


def open_mtx(path: Path) -> Source:
    """Read a folder with ``matrix.mtx``.

    Parameters
    ----------
    path
        Path of the folder.

    Returns
    -------
    Source
        Cells by features; features are named by symbol, with their ids in the column ``gene_ids``.

    Raises
    ------
    BadInput
        A file is missing, or the sizes of the three files disagree.
    """
    features = _table(path, "features.tsv", "genes.tsv")
    barcodes = _table(path, "barcodes.tsv")
    matrix = sparse.csr_matrix(io.mmread(_file(path, "matrix.mtx")).T)
    if matrix.shape != (len(barcodes), len(features)):
        raise BadInput(
            f"{path}: the matrix has {matrix.shape[1]:,} features and {matrix.shape[0]:,} barcodes, the tables list "
            f"{len(features):,} and {len(barcodes):,}. The files are not of one sample, or one is truncated. Copy all three "
            "again."
        )
    symbols = features[1] if features.shape[1] > 1 else features[0]
    var = pd.DataFrame({"gene_ids": features[0].to_numpy()}, index=pd.Index(symbols.astype(str)))
    if features.shape[1] > 2:
        var["feature_types"] = features[2].to_numpy()
    obs = pd.DataFrame(index=pd.Index(barcodes[0].astype(str)))
    return Source(path=path, format="10x_mtx", obs=obs, var=var.rename_axis(None), matrices={"X": matrix})


def _file(path: Path, *names: str) -> Path:
    for name in names:
        for end in ("", ".gz"):
            if (file := path / f"{name}{end}").is_file():
                return file
    found = ", ".join(sorted(entry.name for entry in path.iterdir()))
    raise BadInput(f"{path}: no {' or '.join(names)} (.gz or not); the folder has {found}. Copy all three files of 10x.")


def _table(path: Path, *names: str) -> pd.DataFrame:
    return pd.read_csv(_file(path, *names), header=None, sep="\t", dtype=str, keep_default_na=False)
