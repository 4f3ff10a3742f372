"""Crops with a label for every token, such as the coding frame along a genome."""

import hashlib
from collections.abc import Mapping

import numpy as np

from glmkit.bio import Interval
from glmkit.data.corpora.crops import Crops
from glmkit.errors import BadInput


class LabelledCrops:
    """The windows of `crops` in which at least one token has a label.

    ``len(labelled)`` is the number of windows and ``labelled[i]`` the ids (length,) of window `i`, as in :class:`Crops`. Under
    overlapping k-mers a token's label is that of its base ``(k - 1) // 2``: the middle one, or the one before the middle.

    Parameters
    ----------
    crops
        Windows over single bases or overlapping k-mers.
    labels
        Class of each *base* (not token) of each reference, int (bases,): 0 or more, or -1 for none, such as
        :func:`glmkit.data.windows.coding_frames` returns.

    Attributes
    ----------
    crops
        The windows given.
    kept
        Index of each window in `crops`, int64 (n,).
    lengths
        Tokens of each window, int64 (n,).
    hash
        SHA-256 over the crops' hash and the labels.

    Raises
    ------
    BadInput
        Tokens of several bases, a reference without labels, labels of another length than the reference, or no label at all.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from glmkit.bio import Interval, Record
    >>> from glmkit.data import Crops, LabelledCrops
    >>> from glmkit.tokens import TokenStore, encode_records, make_tokenizer
    >>> tokenizer = make_tokenizer("base")
    >>> tokens = encode_records([Record("chr1", "ACGT" * 10)], tokenizer)
    >>> store = TokenStore.write(Path(tempfile.mkdtemp()) / "tokens", tokens, tokenizer)
    >>> frames = np.full(40, -1)
    >>> frames[10:14] = [1, 2, 3, 1]
    >>> labelled = LabelledCrops(Crops(store, [Interval("chr1", 0, 40)], length=8), {"chr1": frames})
    >>> len(labelled), labelled.labels(0).tolist()
    (1, [-1, -1, 1, 2, 3, 1, -1, -1])
    """

    def __init__(self, crops: Crops, labels: Mapping[str, np.ndarray]) -> None:
        store, over = crops.store, crops.over
        tokenizer = store.tokenizer()
        if tokenizer.bases_per_token != 1:
            raise BadInput(
                f"Labels of bases need tokens of single bases or overlapping k-mers; {store.folder} holds {tokenizer.kind!r} tokens "
                "of several bases each. Preprocess it with make_tokenizer('base') or, for example, make_tokenizer('kmer4')."
            )
        self.crops, self.tokenizer_hash = crops, crops.tokenizer_hash
        self._labels = np.full(len(store.tokens), -1, np.int16)
        used = np.unique(np.searchsorted(store.offsets, crops.starts, "right") - 1)
        for item in used:
            name, tokens = store.names[item], int(store.lengths[item])
            if name not in labels:
                raise BadInput(f"There are no labels for {name!r}; the labels given are for {list(labels)[:3]}…")
            given = np.asarray(labels[name])
            if given.shape != (tokens + over - 1,) or given.dtype.kind not in "iu":
                raise BadInput(
                    f"{name!r} has {tokens + over - 1:,} bases; expected an integer for each, got {given.dtype} {given.shape}."
                )
            first = (over - 1) // 2
            self._labels[store.offsets[item] : store.offsets[item + 1]] = given[first : first + tokens]
        scored = np.concatenate([[0], np.cumsum(self._labels >= 0)])
        self.kept = np.flatnonzero(scored[crops.starts + crops.length] > scored[crops.starts])
        if len(self.kept) == 0:
            raise BadInput(f"None of the {len(crops):,} windows has a label other than -1.")
        self.lengths = crops.lengths[self.kept]
        digest = hashlib.sha256(f"{crops.hash}\n".encode())
        digest.update(self._labels.astype("<i2").tobytes())
        self.hash = digest.hexdigest()

    def __len__(self) -> int:
        return len(self.kept)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.crops[int(self.kept[index])]

    def labels(self, index: int) -> np.ndarray:
        """Labels of the tokens of window `index`: int16 (length,), -1 for none."""
        start = self.crops.starts[self.kept[index]]
        return self._labels[start : start + self.crops.length]

    def where(self, index: int) -> Interval:
        """The interval of window `index`, as in :meth:`Crops.where`."""
        return self.crops.where(int(self.kept[index]))

    def __repr__(self) -> str:
        return f"LabelledCrops({len(self):,} of {self.crops!r})"
