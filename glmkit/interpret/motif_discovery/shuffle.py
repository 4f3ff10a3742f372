"""Dinucleotide shuffling: random sequences with the same dinucleotide counts, as a null model for motif counts.

Independent random letters ignore that CG is rare and AA common, so motifs of common pairs would appear enriched. A random walk
along all pairs of the sequence keeps the count of each pair exactly. It also keeps the count of each letter, and the first and
last letters.

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
    """One shuffled copy of each sequence, with the same count of every dinucleotide.

    Parameters
    ----------
    sequences
        Sequences of any letters and lengths.
    seed
        Random seed; the same seed gives the same copies.

    Returns
    -------
    list of str
        Shuffled sequences in upper case. A sequence without another valid order is returned unchanged.

    Raises
    ------
    BadInput
        A single string instead of a list.

    Examples
    --------
    >>> from collections import Counter
    >>> from itertools import pairwise
    >>> from glmkit.interpret import dinucleotide_shuffle
    >>> sequence = "ACGGTCACGTTACGA"
    >>> (copy,) = dinucleotide_shuffle([sequence], seed=1)
    >>> Counter(pairwise(copy)) == Counter(pairwise(sequence))
    True
    """
    if isinstance(sequences, str):
        raise BadInput("sequences: expected a list of sequences, got one string. Put it in a list: [sequence].")
    rng = np.random.default_rng(seed)
    return [_walk(sequence.upper(), rng) for sequence in sequences]


def _walk(sequence: str, rng: np.random.Generator) -> str:
    """A random Eulerian walk over all pairs: followers of each letter in random order, with last exits that lead to the end."""
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
    """Whether the exits lead from a letter to the end, rather than in a cycle."""
    for _ in range(len(exits) + 1):
        if letter == end:
            return True
        letter = exits[letter]
    return False
