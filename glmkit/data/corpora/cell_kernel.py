"""Compiled loops that read rows of a memory-mapped CSR matrix."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def gather(counts, columns, offsets, chosen, starts, out_counts, out_columns):
    """Copy the chosen rows one after another into wider types.

    Parameters
    ----------
    counts, columns
        Values and column indices of the whole matrix, (non-zeros,).
    offsets
        Start of each row, int64 (rows + 1,).
    chosen
        Indices of rows, int64 (n,).
    starts
        Start of each chosen row in the result, int32 (n + 1,).
    out_counts, out_columns
        Arrays to fill, (non-zeros of the chosen rows,).
    """
    for row in range(len(chosen)):
        start, stop = offsets[chosen[row]], offsets[chosen[row] + 1]
        to = np.int64(starts[row])
        from_counts, from_columns = counts[start:stop], columns[start:stop]
        to_counts, to_columns = out_counts[to : to + stop - start], out_columns[to : to + stop - start]
        for place in range(len(from_counts)):
            to_counts[place] = from_counts[place]
        for place in range(len(from_counts)):
            to_columns[place] = from_columns[place]


@njit(cache=True, nogil=True)
def scatter(counts, columns, offsets, chosen, out):
    """Write the chosen rows into a dense array.

    Parameters
    ----------
    counts, columns, offsets, chosen
        As in :func:`gather`.
    out
        Array to fill, float32 (n, columns).
    """
    out[:] = 0
    for row in range(len(chosen)):
        for place in range(offsets[chosen[row]], offsets[chosen[row] + 1]):
            out[row, columns[place]] = counts[place]
