"""Chimeras: sequences with the beginning of another sequence, as in experiments that exchange signal peptides."""

from collections.abc import Sequence

import numpy as np

from glmkit.errors import BadInput


def exchange_starts(
    hosts: Sequence[str], donors: Sequence[str], length: int, rng: np.random.Generator, shuffle: bool = False
) -> list[str]:
    """Replace the beginning of each host by that of a donor drawn at random.

    Parameters
    ----------
    hosts
        Sequences whose beginnings are replaced.
    donors
        Sequences that supply beginnings; those shorter than `length` are not drawn.
    length
        Letters that are replaced.
    rng
        Source of random numbers.
    shuffle
        Whether the letters of each new beginning are shuffled, which keeps its composition only.

    Returns
    -------
    list of str
        One chimera a host.

    Raises
    ------
    BadInput
        No donor is long enough.

    Examples
    --------
    >>> exchange_starts(["MKTAYI", "MLLPQR"], ["WWWGGG"], 3, np.random.default_rng(0))
    ['WWWAYI', 'WWWPQR']
    """
    long_enough = [donor for donor in donors if len(donor) >= length]
    if not long_enough:
        raise BadInput(f"donors: expected at least one of {length} letters or more, got none of {len(donors)}.")
    starts = [long_enough[i][:length] for i in rng.integers(0, len(long_enough), len(hosts))]
    if shuffle:
        starts = ["".join(rng.permutation(list(start))) for start in starts]
    return [start + host[length:] for start, host in zip(starts, hosts, strict=True)]
