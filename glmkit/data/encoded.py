"""Short sequences as ids in memory: a corpus for fine-tuning, where a store on disk would be a detour."""

import hashlib
from collections.abc import Sequence

import numpy as np

from glmkit.tokens import Tokenizer


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
