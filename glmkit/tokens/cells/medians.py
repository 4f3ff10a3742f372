"""The non-zero median of every gene over a corpus, in one pass.

A rank tokenizer divides each value by the median of its gene over the cells that detect it. Zeros are excluded, because
including them gives a median of zero for nearly every gene. Medians are exact while the values fit a memory budget. Beyond it,
values are added to a sketch of fixed size (:mod:`glmkit.tokens.cells.streaming_median`), so that memory does not grow with the
number of cells. The result records its relative error. (Geneformer estimated its medians with t-digests.)
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.tokens.cells.csr_blocks import CHUNK, Cells, Read, cell_totals, count_blocks, each_part, noted

if TYPE_CHECKING:
    from pandas import Series

    from glmkit.tokens.cells.streaming_median import MedianSketch

BUDGET = 10_000_000  # values kept for exact medians


def gene_medians(
    cells: Cells,
    genes: Sequence[str] | None = None,
    *,
    total: str | None = None,
    budget: int = BUDGET,
    error: float = 0.01,
    chunk: int = CHUNK,
    read: Read | None = None,
) -> "Series":
    """Non-zero medians of the genes of a corpus, normalised to 10,000 counts per cell.

    Parameters
    ----------
    cells
        AnnData with raw counts in X, a path, or an iterable of these, read one at a time in blocks of cells. Parts may have
        different genes, which are matched by name.
    genes
        Names of genes to report, in this order; None for all genes in order of appearance.
    total
        Column of obs with the total counts of each cell; the sum over all genes of X if None.
    budget
        Maximum number of non-zero values kept for exact medians, 12 bytes each; beyond it a sketch is used.
    error
        Relative error of the sketch, between 0 and 1.
    chunk
        Number of cells per block.
    read
        Function that opens a path; ``read_cells(path, "rna", backed=True)`` if None.

    Returns
    -------
    pandas.Series
        Medians, float64, indexed by gene; NaN for a gene that no cell detects. Its ``attrs`` are ``cells`` (number of cells),
        ``exact`` and ``relative_error``.

    Raises
    ------
    BadInput
        There are no cells, a gene is repeated, or values are not raw counts.

    Examples
    --------
    >>> from anndata import AnnData
    >>> cells = AnnData(np.array([[1, 3, 0], [2, 2, 0], [0, 5, 0]], dtype=np.float32))
    >>> cells.var_names = ["GENE1", "GENE2", "GENE3"]
    >>> medians = gene_medians(cells)
    >>> medians.to_dict()
    {'GENE1': 3750.0, 'GENE2': 7500.0, 'GENE3': nan}
    >>> medians.attrs
    {'cells': 3, 'exact': True, 'relative_error': 0.0}
    """
    import pandas as pd

    places = {gene: place for place, gene in enumerate(genes or ())}
    values = _Values(budget, error)
    seen = 0
    for where, part in each_part(cells, read):
        with noted(where):
            rows = _rows(part.var_names, places, genes is None)
            totals = cell_totals(part, total)
            for start, block in count_blocks(part, chunk):
                found, normalised = _normalised(block, rows, totals[start : start + block.shape[0]], part.obs_names[start:])
                values.add(found, normalised, len(places))
                seen += block.shape[0]
    if not seen:
        raise BadInput("Expected cells to take medians of, got none.")
    medians = pd.Series(values.medians(len(places)), index=list(places), name="nonzero_median")
    exact = values.sketch is None
    medians.attrs = {"cells": seen, "exact": exact, "relative_error": 0.0 if exact else error}
    return medians


def _rows(names: Any, places: dict[str, int], more: bool) -> np.ndarray:
    """The row of each column of a part, -1 for a gene not in `places`; with `more`, new genes are added to `places`."""
    if not names.is_unique:
        twice = names[names.duplicated()][0]
        raise BadInput(f"The gene {twice!r} has two columns. Sum them: read_cells(..., sum_duplicates=True).")
    if more:
        return np.array([places.setdefault(name, len(places)) for name in names], np.int32)
    return np.array([places.get(name, -1) for name in names], np.int32)


def _normalised(block: Any, rows: np.ndarray, totals: np.ndarray, cells: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Row and normalised value of each non-zero count of the reported genes."""
    data = block.data.astype(np.float64)
    cell_of = np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
    if (wrong := ~(np.isfinite(data) & (data >= 0) & (data == np.floor(data)))).any():
        place = int(wrong.argmax())
        raise BadInput(
            f"Expected raw counts, got {data[place]} (cell {cells[cell_of[place]]!r}). Read the file with glmkit.bio.read_cells, "
            "which searches layers and raw for counts."
        )
    sums = totals if len(totals) else np.bincount(cell_of, data, block.shape[0])
    if not (np.isfinite(sums) & (sums > 0))[cell_of].all():
        cell = int(cell_of[(~(np.isfinite(sums) & (sums > 0)))[cell_of].argmax()])
        raise BadInput(f"The cell {cells[cell]!r} has the total {sums[cell]}. Expected a positive number of counts.")
    found = rows[block.indices]
    kept = (found >= 0) & (data > 0)
    return found[kept], data[kept] / sums[cell_of[kept]] * 10000


class _Values:
    """Values of genes: all values up to the budget, then a sketch."""

    def __init__(self, budget: int, error: float) -> None:
        self.budget, self.error = budget, error
        self.kept: list[tuple[np.ndarray, np.ndarray]] = []
        self.number = 0
        self.sketch: MedianSketch | None = None

    def add(self, genes: np.ndarray, values: np.ndarray, known: int) -> None:
        self.number += len(values)
        self.kept.append((genes, values))
        if self.sketch is None and self.number > self.budget:
            from glmkit.tokens.cells.streaming_median import MedianSketch  # local, because it imports numba

            self.sketch = MedianSketch(known, self.error)
        if self.sketch is not None:
            self.sketch.grow(known)
            for part in self.kept:
                self.sketch.add(*part)
            self.kept = []

    def medians(self, known: int) -> np.ndarray:
        if self.sketch is not None:
            self.sketch.grow(known)
            return self.sketch.medians()
        found = np.full(known, np.nan)
        genes = np.concatenate([part[0] for part in self.kept])
        order = np.argsort(genes, kind="stable")
        values = np.concatenate([part[1] for part in self.kept])[order]
        present, starts = np.unique(genes[order], return_index=True)
        for gene, start, stop in zip(present, starts, [*starts[1:], len(values)], strict=True):
            found[gene] = np.median(values[start:stop])
        return found
