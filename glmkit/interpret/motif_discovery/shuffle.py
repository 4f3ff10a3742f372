"""Shuffled sequences with the same neighbours: what a motif's count is compared with.

Letters drawn at random forget that CG is rare and AA common, so a motif made of common pairs looks enriched everywhere. A walk
along all pairs of the sequence, in another order, keeps the number of each pair exactly (and so of each letter, and the first
and the last letter).

References
----------
Altschul SF, Erickson BW (1985). Significance of nucleotide sequence alignments: a method for random sequence permutation that
preserves dinucleotide and codon usage. Mol Biol Evol 2, 526-538.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from glmkit.errors import BadInput


def dinucleotide_shuffle(sequences: Sequence[str], seed: int = 0) -> list[str]:
    """One shuffled copy of each sequence, with the same count of every pair of neighbours.

    Parameters
    ----------
    sequences
        Of any letters and lengths.
    seed
        The same seed gives the same copies.

    Returns
    -------
    list of str
        In upper case. A sequence that allows no other order comes back as it was.

    Raises
    ------
    BadInput
        A single string instead of a list.
    """
    if isinstance(sequences, str):
        raise BadInput("sequences: expected a list of sequences, got one string. Put it in a list: [sequence].")
    rng = np.random.default_rng(seed)
    return [_walk(sequence.upper(), rng) for sequence in sequences]


def _walk(sequence: str, rng: np.random.Generator) -> str:
    """A random walk over all pairs: at each letter its followers in random order, the last of which lead to the end."""
    if len(sequence) < 3:
        return sequence
    followers: dict[str, list[str]] = {}
    for here, after in pairwise(sequence):
        followers.setdefault(here, []).append(after)
    end = sequence[-1]
    while True:
        exits = {letter: after[int(rng.integers(len(after)))] for letter, after in followers.items() if letter != end}
        if all(_arrives(letter, exits, end) for letter in exits):
            break
    order: dict[str, list[str]] = {}
    for letter, options in followers.items():
        rest, last = list(options), [exits[letter]] if letter in exits else []
        for leaving in last:
            rest.remove(leaving)
        order[letter] = [rest[i] for i in rng.permutation(len(rest))] + last
    places, walk = dict.fromkeys(order, 0), [sequence[0]]
    for _ in range(len(sequence) - 1):
        here = walk[-1]
        walk.append(order[here][places[here]])
        places[here] += 1
    return "".join(walk)


def _arrives(letter: str, exits: dict[str, str], end: str) -> bool:
    """Whether the exits lead from a letter to the end, and not in a circle."""
    for _ in range(len(exits) + 1):
        if letter == end:
            return True
        letter = exits[letter]
    return False
