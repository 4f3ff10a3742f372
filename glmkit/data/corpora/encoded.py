"""Short sequences, or cells, as ids in memory: a corpus for fine-tuning, where a store on disk would be a detour."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from glmkit.tokens import Tokenizer
from glmkit.tokens.cells import cell_ids, cell_names


class EncodedWindows:
    """Sequences as ids, with the face of a corpus that :func:`glmkit.train.fit` reads.

    Parameters
    ----------
    sequences
        Windows, n of them.
    tokenizer
        Makes their ids.

    Attributes
    ----------
    lengths
        int64 (n,).
    hash
        SHA-256 of the sequences.
    tokenizer_hash
        The tokenizer's.
    """

    def __init__(self, sequences: Sequence[str], tokenizer: Tokenizer) -> None:
        self._ids = [tokenizer.encode(sequence) for sequence in sequences]
        self.lengths = np.array([len(ids) for ids in self._ids], dtype=np.int64)
        self.hash = hashlib.sha256("\n".join(sequences).encode()).hexdigest()
        self.tokenizer_hash = tokenizer.hash

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index: int) -> np.ndarray:
        return self._ids[index]


class EncodedCells:
    """Cells as ids, with the face of a corpus that :func:`glmkit.train.fit` reads.

    Parameters
    ----------
    cells
        An AnnData of raw counts, or a dictionary of the modalities of the same cells.
    tokenizer
        Makes their ids: a RankTokenizer or a CellTokenizer.

    Attributes
    ----------
    lengths
        int64 (cells,).
    names
        Of the cells, in order.
    hash
        SHA-256 of their ids and lengths.
    tokenizer_hash
        The tokenizer's.

    Raises
    ------
    BadInput
        A cell has no token.
    """

    def __init__(self, cells: Any, tokenizer: Any) -> None:
        self._ids, self._offsets = cell_ids(tokenizer, cells)
        self.names = cell_names(cells)
        self.lengths = np.diff(self._offsets)
        digest = hashlib.sha256(np.ascontiguousarray(self._ids, "<u4").tobytes())
        digest.update(np.ascontiguousarray(self._offsets, "<i8").tobytes())
        self.hash = digest.hexdigest()
        self.tokenizer_hash = tokenizer.hash

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> np.ndarray:
        return self._ids[self._offsets[index] : self._offsets[index + 1]]
