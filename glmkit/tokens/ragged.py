"""Rows of different lengths as two arrays: all ids one after another, and where each row starts."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class Ragged(NamedTuple):
    """Ids of many items without padding.

    Attributes
    ----------
    ids
        (tokens,): all items, one after another.
    offsets
        int64 (items + 1,): item `i` is ``ids[offsets[i]:offsets[i + 1]]``; an item may be empty.
    """

    ids: np.ndarray
    offsets: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """int64 (items,): tokens of each item."""
        return np.diff(self.offsets)

    def item(self, index: int) -> np.ndarray:
        """Ids (length,) of one item, a view."""
        return self.ids[self.offsets[index] : self.offsets[index + 1]]

    @classmethod
    def join(cls, parts: Iterable["Ragged"], dtype: np.dtype) -> "Ragged":
        """Put ragged arrays one after another.

        Parameters
        ----------
        parts
            Any number, also none.
        dtype
            Of the ids.
        """
        every = list(parts)
        lengths = [part.lengths for part in every]
        offsets = np.concatenate([[0], *lengths]).astype(np.int64).cumsum()
        return cls(np.concatenate([np.empty(0, dtype), *(part.ids for part in every)]).astype(dtype, copy=False), offsets)
