"""Readers of raw counts of cells, with mapped gene names, validation and a read report.

The result is the same for all formats: one AnnData per modality, with counts as float32 CSR and unique names of cells and
features. A report is stored in ``uns["glmkit"]["read"]``. Layers, ``raw`` and graphs of the file are not read, because they
would not match the renamed genes and the remaining cells.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from glmkit.bio.cells.assemble import Part, assemble
from glmkit.bio.cells.checks import check_cells
from glmkit.bio.cells.counts import find_counts, load_counts, total_counts
from glmkit.bio.cells.features import Naming, name_features
from glmkit.bio.cells.modalities import choose_modalities, feature_modalities, modality_counts, the_only_modality
from glmkit.bio.cells.opening import damage_named, open_cells
from glmkit.bio.cells.source import Source
from glmkit.bio.report import DataReport
from glmkit.errors import BadInput

if TYPE_CHECKING:
    from anndata import AnnData


def read_cells(
    path: str | Path,
    modality: str | None = None,
    *,
    counts: str = "auto",
    genes: str = "ensembl",
    species: str = "human",
    known: float = 0.5,
    sum_duplicates: bool = False,
    required_obs: Sequence[str] = (),
    backed: bool = False,
    report: DataReport | None = None,
) -> "AnnData":
    """Read the raw counts of one modality.

    Parameters
    ----------
    path
        Path of .h5ad, .h5mu, .zarr (AnnData or MuData), 10x .h5, or a 10x folder with ``matrix.mtx``, compressed or not.
    modality
        ``"rna"``, ``"atac"``, ``"protein"`` or ``"hashtag"``; None for a file with a single modality.
    counts
        Matrix of raw counts: ``"X"``, ``"raw"``, the name of a layer, or ``"auto"`` to search X, the usual layers, and raw.
    genes
        ``"ensembl"`` maps gene names to Ensembl ids (:func:`glmkit.bio.map_genes`); ``"as_is"`` keeps them.
    species
        Species of the genes, ``"human"`` or ``"mouse"``.
    known
        Minimum fraction of recognised gene names, 0 to 1.
    sum_duplicates
        Whether counts of features of equal name are summed; otherwise repeated names are an error.
    required_obs
        Names of required columns of ``obs``.
    backed
        Whether the counts remain on disk, for files larger than memory; they are still checked, in blocks. ``adata[a:b].X``
        reads a slice of cells; ``adata.X`` of a view reads all. For a matrix stored by feature (CSC) each slice reads the
        whole matrix. Convert such a file once: read it in memory and write it with :func:`glmkit.bio.write_cells`.
    report
        Report to which remarks are added: empty cells, unknown genes, summed features, missing zarr chunks.

    Returns
    -------
    AnnData
        Cells by features, raw counts as float32 CSR in X (in the file's own type if `backed`). Gene names are Ensembl ids
        without version; unknown names are kept. ``var`` has ``symbol``, ``known`` and ``name_in_file``. Empty cells are
        dropped and counted. :func:`glmkit.bio.cell_report` returns the read report.

    Raises
    ------
    BadInput
        The file is damaged, has no raw counts, has invalid counts, repeats names, has too few known genes, lacks a required
        column, or has several modalities of which none was chosen.

    Examples
    --------
    >>> import tempfile
    >>> from anndata import AnnData
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "cells.h5ad")
    ...     counts = np.array([[3, 0, 1], [0, 2, 0]], dtype=np.float32)
    ...     AnnData(counts, var=pd.DataFrame(index=["TP53", "CD3E", "LYZ"])).write_h5ad(path)
    ...     adata = read_cells(path)
    >>> adata.shape, adata.X.format
    ((2, 3), 'csr')
    >>> adata.var_names.tolist()
    ['ENSG00000141510', 'ENSG00000198851', 'ENSG00000090382']
    >>> adata.var["symbol"].tolist()
    ['TP53', 'CD3E', 'LYZ']
    """
    naming = _naming(genes, species, known, sum_duplicates)
    with _opened(path, required_obs) as sources:
        found = modality_counts(sources)
        name = the_only_modality(str(path), found) if modality is None else choose_modalities(str(path), found, [modality])[0]
        return _read(sources, [name], counts, naming, backed, report)[name]


def read_modalities(
    path: str | Path,
    modalities: Sequence[str] | None = None,
    *,
    counts: str = "auto",
    genes: str = "ensembl",
    species: str = "human",
    known: float = 0.5,
    sum_duplicates: bool = False,
    required_obs: Sequence[str] = (),
    backed: bool = False,
    report: DataReport | None = None,
) -> "dict[str, AnnData]":
    """Read the raw counts of several modalities of the same cells.

    Parameters
    ----------
    path
        As for :func:`read_cells`.
    modalities
        Names of the modalities to read; None for all of the file.
    counts
        Matrix of raw counts: ``"auto"``, ``"X"``, ``"raw"`` or the name of a layer.
    genes
        ``"ensembl"`` maps gene names to Ensembl ids, ``"as_is"`` keeps them.
    species
        Species of the genes, ``"human"`` or ``"mouse"``.
    known
        Minimum fraction of recognised gene names, 0 to 1.
    sum_duplicates
        Whether counts of features of equal name are summed.
    required_obs
        Names of required columns of ``obs``.
    backed
        Whether the counts remain on disk.
    report
        Report to which remarks are added.

    Returns
    -------
    dict of str to AnnData
        One AnnData per modality, as from :func:`read_cells`, all with the same cells in the same order. These are the cells
        present in every modality, except those that are empty in all. A cell that is empty in one modality only is kept.

    Raises
    ------
    BadInput
        As for :func:`read_cells`, or the modalities have no cell in common.

    Examples
    --------
    >>> import tempfile
    >>> from anndata import AnnData
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "cite.h5ad")
    ...     kinds = ["Gene Expression", "Gene Expression", "Antibody Capture"]
    ...     var = pd.DataFrame({"feature_types": kinds}, index=["TP53", "LYZ", "CD3_tag"])
    ...     AnnData(np.array([[3, 0, 9], [0, 2, 4]], dtype=np.float32), var=var).write_h5ad(path)
    ...     cells = read_modalities(path)
    >>> {name: adata.shape for name, adata in cells.items()}
    {'rna': (2, 2), 'protein': (2, 1)}
    """
    naming = _naming(genes, species, known, sum_duplicates)
    with _opened(path, required_obs) as sources:
        names = choose_modalities(str(path), modality_counts(sources), None if modalities is None else list(modalities))
        return _read(sources, names, counts, naming, backed, report)


@contextmanager
def _opened(path: str | Path, required: Sequence[str]) -> Iterator[list[Source]]:
    """The open sources of a file, their cells checked; the file is closed on an error."""
    sources = open_cells(path)
    try:
        for source in sources:
            check_cells(source, required)
        yield sources
    except BaseException:
        sources[0].close()
        raise


def _naming(genes: str, species: str, known: float, sum_duplicates: bool) -> Naming:
    if genes not in {"ensembl", "as_is"}:
        raise BadInput(f"genes={genes!r}; expected 'ensembl' (names become Ensembl ids) or 'as_is'.")
    if not 0 <= known <= 1:
        raise BadInput(f"known={known}; expected a fraction of genes from 0 to 1.")
    return Naming(genes=genes, species=species, known=known, sum_duplicates=sum_duplicates)


def _read(
    sources: list[Source], names: list[str], counts: str, naming: Naming, backed: bool, report: DataReport | None
) -> "dict[str, AnnData]":
    """Read the named modalities from their sources and align their cells."""
    parts: dict[str, Part] = {}
    for source in sources:
        if present := [name for name in names if name in modality_counts([source])]:
            parts |= _read_source(source, present, counts, naming, backed)
    parts = {name: parts[name] for name in names}
    shared, keep = _common_cells(sources[0].path, parts)
    cells = {name: assemble(parts[name], shared, keep, backed) for name in names}
    if not backed:
        sources[0].close()
    for name in names:
        for code, entry in cells[name].uns["glmkit"]["read"]["remarks"].items():
            if report is not None:
                report.count(code, entry["count"], f"{sources[0].path}, {name}", entry.get("of", 0))
    return cells


def _read_source(source: Source, names: list[str], counts: str, naming: Naming, backed: bool) -> dict[str, Part]:
    """The modalities of one source; its counts are found, checked and read once for all of them."""
    kinds = {matrix: feature_modalities(source, matrix) for matrix in source.matrices}
    selected = {matrix: np.flatnonzero(np.isin(kind, names)) for matrix, kind in kinds.items()}
    with damage_named(source.path):
        matrix = find_counts(source, counts, selected)
        source.verify(matrix)
    columns, var = selected[matrix], source.features(matrix)
    named = {}
    for name in names:
        own = np.flatnonzero(kinds[matrix] == name)
        named[name] = (own, *name_features(source.place, var.iloc[own], name, naming))
    labels = var.index[columns].to_numpy()
    with damage_named(source.path):
        if backed:
            values, totals = source.matrices[matrix], total_counts(source, matrix, columns, labels)
        else:
            values = load_counts(source, matrix, columns, labels)
            totals = np.asarray(values.sum(axis=1, dtype=np.float64)).ravel()
    return {
        name: Part(
            source=source,
            values=values if backed or len(own) == len(columns) else values[:, np.searchsorted(columns, own)],
            columns=own,
            features=features,
            totals=pd.Series(totals, index=source.obs.index),
            about={"modality": name, "counts": matrix, "genes": genes},
        )
        for name, (own, features, genes) in named.items()
    }


def _common_cells(path: Path, parts: dict[str, Part]) -> tuple[pd.Index, pd.Index]:
    """The cells present in all modalities, in the order of the first modality, and those of them not empty in all."""
    totals = [part.totals for part in parts.values()]
    shared = totals[0].index
    for others in totals[1:]:
        shared = shared[shared.isin(others.index)]
    if not len(shared):
        raise BadInput(f"{path}: the modalities {', '.join(parts)} have no cell in common. Check the names of their cells.")
    keep = shared[np.sum([each.reindex(shared).to_numpy() for each in totals], axis=0) > 0]
    if not len(keep):
        raise BadInput(f"{path}: all {len(shared):,} cells are empty (no counts at all). Check which matrix holds the counts.")
    return shared, keep
