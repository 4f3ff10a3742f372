"""The non-zero median of every gene over a corpus, in one pass.

A rank tokenizer divides each value by what is usual for its gene where it is detected at all. Zeros are left out because in a
sparse measurement the median with them is zero for nearly every gene. Values are kept and the medians exact while they fit a
budget; beyond it they are poured into a sketch of fixed size (:mod:`glmkit.tokens.cells.streaming_median`), so that memory does not grow with the
number of cells, and the result says its relative error. (Geneformer estimated its own with t-digests.)
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.tokens.cells.csr_blocks import CHUNK, Cells, Read, cell_totals, count_blocks, each_part, noted

if TYPE_CHECKING:
    from pandas import Series

    from glmkit.tokens.cells.streaming_median import MedianSketch

BUDGET = 10_000_000


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
    """Non-zero medians of the genes of a corpus, normalised to 10,000 counts a cell.

    Parameters
    ----------
    cells
        An AnnData with raw counts in X, a path of one, or any iterable of these, read one at a time and a block of cells at a
        time. Parts may have different genes; they are matched by name.
    genes
        Names to report, in this order; all that occur, in order of appearance, if None.
    total
        Column of obs with the counts of each cell; the sum over all genes of X if None.
    budget
        Most non-zero values that are kept for exact medians, 12 bytes each; beyond it a sketch takes over.
    error
        Relative error of the sketch.
    chunk
        Cells at a time.
    read
        Opens a path; ``read_cells(path, "rna", backed=True)`` if None.

    Returns
    -------
    pandas.Series
        float64, indexed by gene; NaN for a gene that no cell detects. Its ``attrs`` say ``cells``, ``exact`` and ``relative_error``.

    Raises
    ------
    BadInput
        No cells, a gene twice, or values that are no raw counts.
    """
    import pandas as pd

    wanted = {gene: place for place, gene in enumerate(genes or ())}
    values = _Values(budget, error)
    seen = 0
    for where, part in each_part(cells, read):
        with noted(where):
            rows = _rows(part.var_names, wanted, genes is None)
            totals = cell_totals(part, total)
            for start, block in count_blocks(part, chunk):
                found, normalised = _normalised(block, rows, totals[start : start + block.shape[0]], part.obs_names[start:])
                values.add(found, normalised, len(wanted))
                seen += block.shape[0]
    if not seen:
        raise BadInput("Expected cells to take medians of, got none.")
    medians = pd.Series(values.medians(len(wanted)), index=list(wanted), name="nonzero_median")
    exact = values.sketch is None
    medians.attrs = {"cells": seen, "exact": exact, "relative_error": 0.0 if exact else error}
    return medians


def _rows(names: Any, wanted: dict[str, int], more: bool) -> np.ndarray:
    """The row of each column of a part, -1 if nobody asked for it; with `more`, new genes are added to `wanted`."""
    if not names.is_unique:
        twice = names[names.duplicated()][0]
        raise BadInput(f"The gene {twice!r} stands for two columns. Sum them: read_cells(..., sum_duplicates=True).")
    if more:
        return np.array([wanted.setdefault(name, len(wanted)) for name in names], np.int32)
    return np.array([wanted.get(name, -1) for name in names], np.int32)


def _normalised(block: Any, rows: np.ndarray, totals: np.ndarray, cells: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The wanted gene and the normalised value of each non-zero count."""
    data = block.data.astype(np.float64)
    cell_of = np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
    if (wrong := ~(np.isfinite(data) & (data >= 0) & (data == np.floor(data)))).any():
        place = int(wrong.argmax())
        raise BadInput(
            f"Expected raw counts, got {data[place]} (cell {cells[cell_of[place]]!r}). Read the file with glmkit.bio.read_cells, "
            "which looks for counts in layers and raw."
        )
    sums = totals if len(totals) else np.bincount(cell_of, data, block.shape[0])
    if not (np.isfinite(sums) & (sums > 0))[cell_of].all():
        cell = int(cell_of[(~(np.isfinite(sums) & (sums > 0)))[cell_of].argmax()])
        raise BadInput(f"The cell {cells[cell]!r} has the total {sums[cell]}. Expected a positive number of counts.")
    found = rows[block.indices]
    kept = (found >= 0) & (data > 0)
    return found[kept], data[kept] / sums[cell_of[kept]] * 10000


class _Values:
    """Values of genes: all of them while they fit the budget, then a sketch."""

    def __init__(self, budget: int, error: float) -> None:
        self.budget, self.error = budget, error
        self.kept: list[tuple[np.ndarray, np.ndarray]] = []
        self.number = 0
        self.sketch: MedianSketch | None = None

    def add(self, genes: np.ndarray, values: np.ndarray, known: int) -> None:
        self.number += len(values)
        self.kept.append((genes, values))
        if self.sketch is None and self.number > self.budget:
            from glmkit.tokens.cells.streaming_median import MedianSketch  # loads numba

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
