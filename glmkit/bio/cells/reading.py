"""Read cells: raw counts under names that a model understands, checked, with an account of what was done.

Whatever the format, the result is the same: an AnnData per modality with whole numbers as float32 CSR, unique names of cells and
features, and the account in ``uns["glmkit"]["read"]``. Layers, ``raw`` and graphs of the file are left behind, because they would
no longer fit the genes that were renamed or the cells that were dropped.
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
        .h5ad, .h5mu, .zarr (AnnData or MuData), 10x .h5, or a 10x folder with ``matrix.mtx``, compressed or not.
    modality
        ``"rna"``, ``"atac"``, ``"protein"`` or ``"hashtag"``; may be left out where the file has only one.
    counts
        Where the raw counts are: ``"auto"`` looks in X, the usual layers, and raw; else ``"X"``, ``"raw"`` or a layer's name.
    genes
        ``"ensembl"`` maps the names of genes to Ensembl ids (:func:`glmkit.bio.map_genes`); ``"as_is"`` keeps them.
    species
        ``"human"`` or ``"mouse"``: whose genes they are.
    known
        The share of gene names that must be recognised, 0 to 1.
    sum_duplicates
        Add up the counts of features of one name, instead of refusing the file.
    required_obs
        Columns that ``obs`` must have.
    backed
        Leave the counts on disk, for files larger than memory. They are checked all the same, in blocks. ``adata[a:b].X`` then
        reads some cells; ``adata.X`` of a selection reads them all. Of a file stored by feature (CSC) each such slice reads the
        whole matrix: read it in memory once and write it with :func:`glmkit.bio.write_cells`.
    report
        Counts the remarks too: empty cells, unknown genes, features added up, missing zarr chunks.

    Returns
    -------
    AnnData
        Cells by features, raw counts as float32 CSR in X (as the file stores them where `backed`). Names of genes are Ensembl ids
        without version, names that are not known stay as they are; ``var`` has ``symbol``, ``known`` and ``name_in_file``. Empty
        cells are dropped and counted. :func:`glmkit.bio.cell_report` tells what was done.

    Raises
    ------
    BadInput
        The file is damaged, has no raw counts, holds values that are no counts, repeats names, has too few known genes, several
        modalities of which none was chosen, or lacks a column.

    Examples
    --------
    >>> adata = read_cells("pbmc.h5ad", "rna", required_obs=["donor"])  # doctest: +SKIP
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
        Which; all that the file has if None.
    counts
        Where the raw counts are: ``"auto"``, ``"X"``, ``"raw"`` or a layer's name.
    genes
        ``"ensembl"`` maps the names of genes to Ensembl ids, ``"as_is"`` keeps them.
    species
        ``"human"`` or ``"mouse"``.
    known
        The share of gene names that must be recognised, 0 to 1.
    sum_duplicates
        Add up the counts of features of one name.
    required_obs
        Columns that ``obs`` must have.
    backed
        Leave the counts on disk.
    report
        Counts the remarks too.

    Returns
    -------
    dict of str to AnnData
        One a modality, each as from :func:`read_cells`, with the same cells in the same order: those that every modality
        has, without those that are empty in all of them. A cell without counts in one modality alone stays.

    Raises
    ------
    BadInput
        As for :func:`read_cells`, or the modalities share no cells.
    """
    naming = _naming(genes, species, known, sum_duplicates)
    with _opened(path, required_obs) as sources:
        names = choose_modalities(str(path), modality_counts(sources), None if modalities is None else list(modalities))
        return _read(sources, names, counts, naming, backed, report)


@contextmanager
def _opened(path: str | Path, required: Sequence[str]) -> Iterator[list[Source]]:
    """The open parts of a file, their cells checked; closed again if anything is wrong with it."""
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
        raise BadInput(f"known={known}; expected a share of genes from 0 to 1.")
    return Naming(genes=genes, species=species, known=known, sum_duplicates=sum_duplicates)


def _read(
    sources: list[Source], names: list[str], counts: str, naming: Naming, backed: bool, report: DataReport | None
) -> "dict[str, AnnData]":
    """Read the named modalities, wherever they lie, and line up their cells."""
    parts: dict[str, Part] = {}
    for source in sources:
        if wanted := [name for name in names if name in modality_counts([source])]:
            parts |= _read_source(source, wanted, counts, naming, backed)
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
    """The modalities that one source holds: its counts are found, checked and read once for all of them."""
    kinds = {matrix: feature_modalities(source, matrix) for matrix in source.matrices}
    wanted = {matrix: np.flatnonzero(np.isin(kind, names)) for matrix, kind in kinds.items()}
    with damage_named(source.path):
        matrix = find_counts(source, counts, wanted)
        source.verify(matrix)
    columns, var = wanted[matrix], source.features(matrix)
    named = {}
    for name in names:
        mine = np.flatnonzero(kinds[matrix] == name)
        named[name] = (mine, *name_features(source.place, var.iloc[mine], name, naming))
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
            values=values if backed or len(mine) == len(columns) else values[:, np.searchsorted(columns, mine)],
            columns=mine,
            features=features,
            totals=pd.Series(totals, index=source.obs.index),
            about={"modality": name, "counts": matrix, "genes": genes},
        )
        for name, (mine, features, genes) in named.items()
    }


def _common_cells(path: Path, parts: dict[str, Part]) -> tuple[pd.Index, pd.Index]:
    """The cells that all modalities have, in the order of the first, and those of them that are not empty in all."""
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
