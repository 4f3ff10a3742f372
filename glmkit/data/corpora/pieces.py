"""Items of a token store cut into pieces of bounded length, as a training corpus.

Proteins differ in length by a factor of a thousand. Windows of one fixed length (:class:`glmkit.data.Crops`) would leave out all
short proteins. With whole items, a single long protein would determine the memory of a step. Here every item is cut into as few
pieces as the bound allows, of nearly equal length: each residue is in exactly one piece, and no piece is very short.
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
        Token store.
    length
        Largest number of tokens of a piece.
    names
        Names of the items to use; all items if None.

    Attributes
    ----------
    lengths
        Tokens of each piece, int64 (n,).
    starts
        Start of each piece in ``store.tokens``, int64 (n,).
    hash
        SHA-256 over the store's hash, starts and lengths.

    Raises
    ------
    BadInput
        A length below 1, a name that the store lacks, or no item at all.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from glmkit.data import Pieces
    >>> from glmkit.tokens import TokenStore, make_tokenizer
    >>> tokenizer = make_tokenizer("protein")
    >>> items = [("p1", tokenizer.encode("MKTAYIAKQR"), None), ("p2", tokenizer.encode("MKV"), None)]
    >>> store = TokenStore.write(Path(tempfile.mkdtemp()) / "tokens", items, tokenizer)
    >>> pieces = Pieces(store, length=4)
    >>> pieces.lengths.tolist(), tokenizer.decode(pieces[0])
    ([3, 4, 3, 3], 'MKT')
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
            raise BadInput("No items were given, so there is nothing to cut into pieces.")
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
