"""Fixed-length windows of a token store, as a training corpus.

Nothing is copied: a crop is an offset into the store's memory map, eight bytes per window. Each window lies wholly inside one of
the given intervals, so windows of different parts of a split share no base. Under overlapping k-mers the last token of a window
covers k - 1 further bases, which count as part of the window. The rest of an interval, if shorter than a window, is not used.
"""

import hashlib
from collections.abc import Iterable

import numpy as np

from glmkit.bio import Interval
from glmkit.errors import BadInput
from glmkit.tokens import TokenStore
from glmkit.tokens.sequences import tokens_over_base
from glmkit.tokens.store import SOFT_MASK_WEIGHT


class Crops:
    """Windows of `length` tokens, one every `stride` tokens, inside intervals of a store.

    ``len(crops)`` is the number of windows and ``crops[i]`` the ids (length,) of window `i`, a read-only view of the store.

    Parameters
    ----------
    store
        Token store, the names of whose items are the intervals' references.
    intervals
        Regions for windows, 0-based and half-open: in bases for single-base tokens and overlapping k-mers, otherwise in token
        positions.
    length
        Tokens of a window.
    stride
        Tokens from one window's start to the next; `length` by default, so that windows do not overlap.

    Attributes
    ----------
    lengths
        `length` for each window, int64 (n,).
    starts
        Start of each window in ``store.tokens``, int64 (n,).
    over
        Tokens that cover a base: k under overlapping k-mers, else 1. A window covers ``length + over - 1`` bases.
    hash
        SHA-256 over the store's hash, the starts and the length.

    Raises
    ------
    BadInput
        A reference that the store lacks, an interval beyond its end, a length or stride below 1, or no window at all.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from glmkit.bio import Interval, Record
    >>> from glmkit.data import Crops
    >>> from glmkit.tokens import TokenStore, encode_records, make_tokenizer
    >>> tokenizer = make_tokenizer("base")
    >>> tokens = encode_records([Record("chr1", "ACGT" * 10)], tokenizer)
    >>> store = TokenStore.write(Path(tempfile.mkdtemp()) / "tokens", tokens, tokenizer)
    >>> crops = Crops(store, [Interval("chr1", 0, 25)], length=8)
    >>> len(crops), crops[0].shape, crops.where(2)
    (3, (8,), Interval(reference='chr1', start=16, end=24, strand=0))
    """

    def __init__(self, store: TokenStore, intervals: Iterable[Interval], length: int, stride: int | None = None) -> None:
        stride = length if stride is None else stride
        if length < 1 or stride < 1:
            raise BadInput(f"Expected length and stride of at least 1, got length={length} and stride={stride}.")
        self.store, self.length, self.stride = store, length, stride
        self.over = tokens_over_base(store.tokenizer())
        index = {name: i for i, name in enumerate(store.names)}
        pieces: list[np.ndarray] = []
        longest = 0
        for interval in intervals:
            item = index.get(interval.reference)
            if item is None:
                raise BadInput(
                    f"The store {store.folder} has no {interval.reference!r}; it has {store.names[:3]}… Is it the split of another genome?"
                )
            size, unit = int(store.lengths[item]) + self.over - 1, "bases" if self.over > 1 else "tokens"
            if not 0 <= interval.start < interval.end <= size:
                raise BadInput(f"{interval} does not lie within the {size:,} {unit} of {interval.reference!r}.")
            tokens = interval.end - interval.start - self.over + 1
            longest = max(longest, tokens)
            first = store.offsets[item] + interval.start
            pieces.append(np.arange(first, first + tokens - length + 1, stride, dtype=np.int64))
        self.starts = np.concatenate(pieces) if pieces else np.empty(0, np.int64)
        if len(self.starts) == 0:
            raise BadInput(
                f"No window of {length} tokens fits: the longest interval has {longest}. Take shorter windows or longer blocks."
            )
        self.lengths = np.full(len(self.starts), length, np.int64)
        digest = hashlib.sha256(f"{store.hash} {length}\n".encode())
        digest.update(self.starts.astype("<i8").tobytes())
        self.hash = digest.hexdigest()
        self.tokenizer_hash = store.tokenizer_hash

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> np.ndarray:
        start = self.starts[index]
        return self.store.tokens[start : start + self.length]

    def where(self, index: int) -> Interval:
        """The interval that window `index` covers (strand 0)."""
        item, start = self._locate(index)
        return Interval(self.store.names[item], start, start + self.length + self.over - 1)

    def weights(self, index: int) -> np.ndarray:
        """Weight of each token of window `index` in the loss: float32 (length,), 0.1 where soft-masked, else 1."""
        item, start = self._locate(index)
        masked = self.store.soft_masked(item, start, start + self.length)
        return np.where(masked, SOFT_MASK_WEIGHT, np.float32(1))

    def _locate(self, index: int) -> tuple[int, int]:
        start = self.starts[index]
        item = int(np.searchsorted(self.store.offsets, start, "right")) - 1
        return item, int(start - self.store.offsets[item])

    def __repr__(self) -> str:
        return f"Crops({len(self):,} windows of {self.length} tokens, every {self.stride}, of {self.store!r})"
