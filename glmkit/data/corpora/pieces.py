"""Items of a token store cut into pieces of bounded length, as a corpus to train on.

Proteins differ in length by a factor of a thousand. Windows of one fixed length (:class:`glmkit.data.Crops`) would leave out all
short ones; whole items would let a single long one decide the memory of a step. Here every item is cut into as few pieces as the
bound allows, of nearly equal length, so that each residue is in exactly one piece and no piece is a stump.
"""

import hashlib
from collections.abc import Collection

import numpy as np

from glmkit.errors import BadInput
from glmkit.tokens import TokenStore


class Pieces:
    """Pieces of some items of a store; nothing is copied.

    ``len(pieces)`` is the number of pieces and ``pieces[i]`` the ids of piece `i`, a read-only view of the store.

    Parameters
    ----------
    store
        The corpus.
    length
        Most tokens of a piece.
    names
        Items to use; all of them if None.

    Attributes
    ----------
    lengths
        int64 (n,): tokens of each piece.
    starts
        int64 (n,): where each piece starts in ``store.tokens``.
    hash
        SHA-256 over the store's hash, starts and lengths.

    Raises
    ------
    BadInput
        A length below 1, a name that the store lacks, or no item at all.
    """

    def __init__(self, store: TokenStore, length: int, names: Collection[str] | None = None) -> None:
        if length < 1:
            raise BadInput(f"Expected pieces of at least 1 token, got length={length}.")
        if names is not None and (absent := sorted(set(names) - set(store.names))):
            raise BadInput(
                f"The store {store.folder} has no {absent[0]!r} ({len(absent)} names in all); it has {store.names[:3]}…"
            )
        kept = set() if names is None else set(names)
        wanted = range(len(store)) if names is None else [i for i, name in enumerate(store.names) if name in kept]
        starts, lengths = [], []
        for item in wanted:
            size = int(store.lengths[item])
            edges = np.linspace(0, size, -(-size // length) + 1).round().astype(np.int64)
            starts.append(store.offsets[item] + edges[:-1])
            lengths.append(np.diff(edges))
        if not starts:
            raise BadInput("No items were named, so there is nothing to cut into pieces.")
        self.store, self.length = store, length
        self.starts, self.lengths = np.concatenate(starts), np.concatenate(lengths)
        digest = hashlib.sha256(store.hash.encode())
        digest.update(self.starts.astype("<i8").tobytes() + self.lengths.astype("<i8").tobytes())
        self.hash = digest.hexdigest()
        self.tokenizer_hash = store.tokenizer_hash

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> np.ndarray:
        start = self.starts[index]
        return self.store.tokens[start : start + self.lengths[index]]

    def __repr__(self) -> str:
        return f"Pieces({len(self):,} of at most {self.length} tokens, {self.lengths.sum():,} tokens in all, of {self.store!r})"
