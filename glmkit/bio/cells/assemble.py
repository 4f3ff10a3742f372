"""Assembly of one modality as an AnnData: selected cells, named features, counts in memory or on disk, and a read report."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glmkit.bio.cells.features import add_up
from glmkit.bio.cells.source import Source
from glmkit.bio.report import DataReport
from glmkit.errors import BadInput

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True, kw_only=True)
class Part:
    """A checked modality with final feature names, before its cells are aligned with those of other modalities.

    Attributes
    ----------
    source
        Open file of the modality.
    values
        Counts in memory (cells, features of the modality), or the complete matrix on disk.
    columns
        Columns of the file's matrix that belong to the modality, ascending.
    features
        Feature table of these columns under their final names, which may repeat.
    totals
        Total counts of each cell over all modalities read from the same matrix, indexed by cell name.
    about
        Entries of the read report.
    """

    source: Source
    values: Any
    columns: np.ndarray
    features: pd.DataFrame
    totals: pd.Series
    about: dict[str, Any]


def assemble(part: Part, shared: pd.Index, keep: pd.Index, backed: bool) -> "AnnData":
    """An AnnData of one modality.

    Parameters
    ----------
    part
        Modality to assemble.
    shared
        Names of the cells that every modality has.
    keep
        Names of the cells in `shared` that are not empty.
    backed
        Whether the counts remain on disk.

    Returns
    -------
    AnnData
        Cells of `keep`, in that order.

    Raises
    ------
    BadInput
        Features of equal name would have to be summed on disk.
    """
    source = part.source
    about = {
        "path": str(source.path),
        "format": source.format,
        "backed": backed,
        **part.about,
        "cells": len(keep),
        "empty_cells_dropped": len(shared) - len(keep),
    }
    remarks = DataReport()
    remarks.count("empty_cells", len(shared) - len(keep), of=len(shared))
    remarks.count("cells_not_in_all_modalities", len(part.totals) - len(shared), of=len(part.totals))
    for array, n in source.missing_chunks.items():
        remarks.count("zarr_chunks_missing", n, array)
    if genes := part.about["genes"]:
        remarks.count("genes_unknown", genes["names"] - genes["known"], of=genes["names"])
    rows = part.totals.index.get_indexer(keep)
    return (_on_disk if backed else _in_memory)(part, rows, about, remarks)


def _in_memory(part: Part, rows: np.ndarray, about: dict[str, Any], remarks: DataReport) -> "AnnData":
    from anndata import AnnData

    values, features, gone = add_up(part.values, part.features)
    remarks.count("features_added_up", gone, of=len(part.features))
    obs, obsm = part.source.obs, part.source.obsm
    if len(rows) < len(obs) or (np.diff(rows) < 0).any():
        values, obs = values[rows], obs.iloc[rows]
        obsm = {name: value.iloc[rows] if hasattr(value, "iloc") else value[rows] for name, value in obsm.items()}
    account = _account(part, about, len(features), remarks)
    return AnnData(X=values, obs=obs.copy(), var=features, obsm=obsm, uns=account)


def _on_disk(part: Part, rows: np.ndarray, about: dict[str, Any], remarks: DataReport) -> "AnnData":
    """An AnnData of the complete matrix on disk, or a view of it if cells or features are excluded."""
    from anndata import AnnData

    source, features = part.source, part.features
    if features.index.has_duplicates:
        raise BadInput(
            f"{source.place}: features of equal name cannot be summed on disk. Read it with backed=False, write it with "
            "glmkit.bio.write_cells, and open that file."
        )
    n_columns = part.values.shape[1]
    if len(features) < n_columns:
        names = [f"not read {at}" for at in range(n_columns)]  # placeholders of columns of other modalities, selected away below
        for at, name in zip(part.columns, features.index, strict=True):
            names[at] = name
        features = features.reindex(names)
    account = _account(part, about, len(part.features), remarks)
    adata = AnnData(X=part.values, obs=source.obs.copy(), var=features, obsm=dict(source.obsm), uns=account)
    if len(part.features) < n_columns:
        adata = adata[:, part.columns]
    return adata if np.array_equal(rows, np.arange(len(source.obs))) else adata[rows]


def _account(part: Part, about: dict[str, Any], n_features: int, remarks: DataReport) -> dict[str, Any]:
    """The ``uns`` of the file with the read report added."""
    about = {**about, "features": n_features, "remarks": remarks.as_dict()}
    return {**part.source.uns, "glmkit": {**part.source.uns.get("glmkit", {}), "read": about}}
