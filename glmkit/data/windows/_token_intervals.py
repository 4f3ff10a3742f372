"""Conversion between intervals in bases, tokens of a store, and sequences.

A split is in bases and covers whole records. Under overlapping k-mers token `i` starts at base `i`. A record of L bases then has
L - k + 1 tokens, and no token starts at the last k - 1 bases. With single-base tokens, positions in bases and tokens are equal.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from glmkit.bio import Interval
from glmkit.errors import BadInput
from glmkit.tokens import TokenStore


def token_intervals(store: TokenStore, intervals: Iterable[Interval], least: int = 1) -> list[Interval]:
    """The intervals of a split as positions of a store's tokens.

    Parameters
    ----------
    store
        Token store with one token per base: a single-base tokenizer, or overlapping k-mers.
    intervals
        Intervals in bases, 0-based and half-open.
    least
        Least number of tokens of an interval; shorter ones are left out.

    Returns
    -------
    list of Interval
        Clipped to the tokens of the store; intervals on references that the store does not hold are left out.

    Raises
    ------
    BadInput
        The store's tokens do not start at every base.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from glmkit.bio import Interval, Record
    >>> from glmkit.data.windows import token_intervals
    >>> from glmkit.tokens import TokenStore, encode_records, make_tokenizer
    >>> tokenizer = make_tokenizer("kmer4")
    >>> tokens = encode_records([Record("c1", "AAAACCCCGGGGTTTT")], tokenizer)
    >>> store = TokenStore.write(Path(tempfile.mkdtemp()) / "tokens", tokens, tokenizer)
    >>> token_intervals(store, [Interval("c1", 0, 16), Interval("c2", 0, 9)])
    [Interval(reference='c1', start=0, end=13, strand=0)]
    """
    if store.tokenizer().bases_per_token != 1:
        raise BadInput(
            "Intervals in bases fit tokens only where a token starts at every base: the base tokenizer, or overlapping k-mers."
        )
    length_of = dict(zip(store.names, store.lengths.tolist(), strict=True))
    clipped = [
        replace(i, end=min(i.end, length_of[i.reference]))
        for i in intervals
        if i.reference in length_of and i.start < length_of[i.reference]
    ]
    return [interval for interval in clipped if len(interval) >= max(least, 1)]


def bases_of(store: TokenStore, interval: Interval) -> str:
    """The sequence of an interval, decoded from a store's tokens.

    Parameters
    ----------
    store
        Token store with one token per base.
    interval
        Interval in bases, inside the record.

    Returns
    -------
    str
        ``len(interval)`` letters; ambiguous bases are N.

    Raises
    ------
    BadInput
        The store does not hold the reference, or the interval ends beyond it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from glmkit.bio import Interval, Record
    >>> from glmkit.data.windows import bases_of
    >>> from glmkit.tokens import TokenStore, encode_records, make_tokenizer
    >>> tokenizer = make_tokenizer("kmer4")
    >>> tokens = encode_records([Record("c1", "AAAACCCCGGGGTTTT")], tokenizer)
    >>> store = TokenStore.write(Path(tempfile.mkdtemp()) / "tokens", tokens, tokenizer)
    >>> bases_of(store, Interval("c1", 2, 10))
    'AACCCCGG'
    """
    tokenizer = store.tokenizer()
    word = getattr(tokenizer, "k", 1)
    if interval.reference not in store.names:
        raise BadInput(f"The store {store.folder} has no {interval.reference!r}.")
    ids = store[store.names.index(interval.reference)]
    if interval.end > len(ids) + word - 1:
        raise BadInput(f"{interval} ends beyond the {len(ids) + word - 1:,} bases of {interval.reference!r}.")
    first = min(interval.start, max(len(ids) - 1, 0))
    letters = tokenizer.decode(ids[first : max(interval.end - word + 1, first + 1)])
    return letters[interval.start - first : interval.end - first]


def draw_windows(
    store: TokenStore, length: int, n: int, intervals: Iterable[Interval] | None = None, seed: int = 0
) -> tuple[list[str], list[Interval]]:
    """Windows of one length drawn at random, without replacement, from a store.

    Every interval is cut into windows that lie end to end; of these, `n` are drawn.

    Parameters
    ----------
    store
        Token store with one token per base.
    length
        Bases of a window, at least 1.
    n
        Number of windows to draw; all windows if there are fewer.
    intervals
        Intervals in tokens, such as :func:`token_intervals` returns; None for every record as a whole.
    seed
        Seed of the draw.

    Returns
    -------
    tuple of list
        Sequence of each window, and its place as an Interval, in the order drawn.

    Raises
    ------
    BadInput
        A length or number below 1, or no interval of at least `length` tokens.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from glmkit.bio import Record
    >>> from glmkit.data.windows import draw_windows
    >>> from glmkit.tokens import TokenStore, encode_records, make_tokenizer
    >>> tokenizer = make_tokenizer("base")
    >>> tokens = encode_records([Record("c1", "AAAACCCCGGGGTTTT")], tokenizer)
    >>> store = TokenStore.write(Path(tempfile.mkdtemp()) / "tokens", tokens, tokenizer)
    >>> sequences, where = draw_windows(store, length=4, n=2, seed=0)
    >>> sequences, [place.start for place in where]
    (['GGGG', 'AAAA'], [8, 0])
    """
    if length < 1 or n < 1:
        raise BadInput(f"Expected windows of at least 1 base and at least one of them, got length={length} and n={n}.")
    if intervals is None:
        intervals = [Interval(name, 0, int(size)) for name, size in zip(store.names, store.lengths, strict=True)]
    starts = [(i.reference, start) for i in intervals for start in range(i.start, i.end - length + 1, length)]
    if not starts:
        raise BadInput(f"No interval holds a window of {length} bases. Take shorter windows.")
    drawn = [starts[i] for i in np.random.default_rng(seed).permutation(len(starts))[:n]]
    where = [Interval(reference, start, start + length) for reference, start in drawn]
    return [bases_of(store, place) for place in where], where
