"""Ragged arrays: rows of different lengths as one concatenated array and the offsets of the rows."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class Ragged(NamedTuple):
    """Ids of many items without padding.

    Attributes
    ----------
    ids
        Concatenated ids of all items (tokens,).
    offsets
        Boundaries of the items, int64 (items + 1,): item `i` is ``ids[offsets[i]:offsets[i + 1]]``; an item may be empty.

    Examples
    --------
    >>> ragged = Ragged(np.array([4, 5, 6, 7, 7]), np.array([0, 3, 5]))
    >>> ragged.lengths.tolist(), ragged.item(1).tolist()
    ([3, 2], [7, 7])
    """

    ids: np.ndarray
    offsets: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Number of tokens of each item, int64 (items,)."""
        return np.diff(self.offsets)

    def item(self, index: int) -> np.ndarray:
        """Ids (length,) of one item, a view."""
        return self.ids[self.offsets[index] : self.offsets[index + 1]]

    @classmethod
    def join(cls, parts: Iterable["Ragged"], dtype: np.dtype) -> "Ragged":
        """Concatenate ragged arrays.

        Parameters
        ----------
        parts
            Ragged arrays in order; may be empty.
        dtype
            Type of the ids of the result.
        """
        every = list(parts)
        if len(every) == 1 and every[0].ids.dtype == dtype:
            return every[0]
        lengths = [part.lengths for part in every]
        offsets = np.concatenate([[0], *lengths]).astype(np.int64).cumsum()
        return cls(np.concatenate([np.empty(0, dtype), *(part.ids for part in every)]).astype(dtype, copy=False), offsets)
