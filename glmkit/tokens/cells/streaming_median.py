"""Streaming medians of many genes in constant memory.

DDSketch (Masson, Rim and Lee, PVLDB 2019): values are counted in bins whose edges grow by a constant factor. Every value of a
bin is then within a given relative error of the centre of the bin. The sum of two sketches is the sketch of all values. Here
each gene has a row of bins; 25,000 genes at an error of 1% take about 90 MB for any number of cells.
"""

import math

import numpy as np
from numba import njit

from glmkit.errors import BadInput

LOWEST, HIGHEST = 1e-4, 1e4  # counts per 10,000: from one count among 10^8 to all counts of a cell


class MedianSketch:
    """Bins of positive values of many genes.

    Parameters
    ----------
    genes
        Number of genes.
    error
        Maximum relative error of a median, between 0 and 1; half the error takes twice the memory.

    Attributes
    ----------
    counts
        Number of values in each bin, uint32 (genes, bins).

    Raises
    ------
    BadInput
        `error` is out of range.
    """

    def __init__(self, genes: int, error: float = 0.01) -> None:
        if not 0 < error < 1:
            raise BadInput(f"Expected a relative error between 0 and 1, got {error}.")
        self.error = error
        self._step = math.log((1 + error) / (1 - error))
        self._first = math.floor(math.log(LOWEST) / self._step)
        bins = math.ceil(math.log(HIGHEST) / self._step) - self._first + 1
        self.counts = np.zeros((genes, bins), np.uint32)

    def add(self, genes: np.ndarray, values: np.ndarray) -> None:
        """Add values.

        Parameters
        ----------
        genes
            Gene of each value, int (n,).
        values
            Positive values, float64 (n,); clipped to 0.0001 to 10,000.
        """
        _count(self.counts, genes, np.log(np.clip(values, LOWEST, HIGHEST)) / self._step, self._first)

    def grow(self, genes: int) -> None:
        """Extend the sketch to `genes` genes in total."""
        if genes > len(self.counts):
            more = np.zeros((genes - len(self.counts), self.counts.shape[1]), np.uint32)
            self.counts = np.concatenate([self.counts, more])

    def merge(self, other: "MedianSketch") -> None:
        """Add the values of another sketch of the same genes.

        Raises
        ------
        BadInput
            The sketches differ in the number of genes or in the error.
        """
        if other.error != self.error or other.counts.shape != self.counts.shape:
            raise BadInput(
                f"Sketches of {len(self.counts)} genes at {self.error} and of {len(other.counts)} at {other.error} cannot be "
                "merged."
            )
        self.counts += other.counts

    def medians(self) -> np.ndarray:
        """Median of each gene, float64 (genes,): the mean of the two middle values for an even number; NaN without values."""
        middles = 2 * np.exp(self._step * (self._first + np.arange(self.counts.shape[1]))) / (1 + math.exp(self._step))
        found = np.full(len(self.counts), np.nan)
        for gene, row in enumerate(self.counts):
            until = np.cumsum(row, dtype=np.int64)
            if n := int(until[-1]):
                low, high = np.searchsorted(until, [(n - 1) // 2, n // 2], "right")
                found[gene] = (middles[low] + middles[high]) / 2
        return found


@njit(cache=True, nogil=True)
def _count(counts, genes, steps, first):
    """Increment the bin of each value, given its logarithm in units of the bin width."""
    for i in range(len(genes)):
        counts[genes[i], min(max(int(np.ceil(steps[i])) - first, 0), counts.shape[1] - 1)] += 1
