"""Short sequences, or cells, as token ids in memory: corpora for fine-tuning that need no store on disk."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from glmkit.tokens import Tokenizer
from glmkit.tokens.cells import cell_ids, cell_names


class EncodedWindows:
    """Sequences as token ids: a corpus for :func:`glmkit.train.fit`.

    Parameters
    ----------
    sequences
        n sequences.
    tokenizer
        Tokenizer of the model to be trained.

    Attributes
    ----------
    lengths
        Tokens of each sequence, int64 (n,).
    hash
        SHA-256 of the sequences.
    tokenizer_hash
        Hash of the tokenizer.

    Examples
    --------
    >>> from glmkit.data import EncodedWindows
    >>> from glmkit.tokens import make_tokenizer
    >>> corpus = EncodedWindows(["ACGTACGT", "ACG"], make_tokenizer("kmer3"))
    >>> corpus.lengths.tolist(), corpus[0].shape
    ([6, 1], (6,))
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
    """Cells as token ids: a corpus for :func:`glmkit.train.fit`.

    Parameters
    ----------
    cells
        An AnnData of raw counts, or a dictionary of the modalities of the same cells.
    tokenizer
        A RankTokenizer or a CellTokenizer.

    Attributes
    ----------
    lengths
        Tokens of each cell, int64 (cells,).
    names
        Names of the cells, in order.
    hash
        SHA-256 of ids and lengths.
    tokenizer_hash
        Hash of the tokenizer.

    Raises
    ------
    BadInput
        A cell has no token.

    Examples
    --------
    >>> import anndata, numpy as np, pandas as pd
    >>> from glmkit.data import EncodedCells
    >>> from glmkit.tokens import RankTokenizer
    >>> tokenizer = RankTokenizer(["g1", "g2", "g3"], [1.0, 2.0, 1.0], layout="v1", length=8)
    >>> counts = np.array([[4, 2, 0], [1, 5, 3]], dtype="float32")
    >>> cells = anndata.AnnData(counts, var=pd.DataFrame(index=["g1", "g2", "g3"]))
    >>> corpus = EncodedCells(cells, tokenizer)
    >>> corpus.lengths.tolist(), corpus.names
    ([2, 3], ['0', '1'])
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
