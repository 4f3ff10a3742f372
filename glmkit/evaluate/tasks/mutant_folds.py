"""Folds over the mutants of one protein: at random, or so that the mutated positions of the test side were never seen.

Mutants of one position resemble each other: a method that has seen ``A42V`` knows most of what there is to know about ``A42L``,
so a random split mostly measures how sensitive each position is on average. Holding out every k-th position (``"modulo"``) asks
about positions whose neighbours were measured; holding out a stretch (``"contiguous"``) asks about a region nobody has measured.
All three are worth printing, and the random one never alone. They are the schemes of ProteinGym's supervised benchmark
(NeurIPS 2023).
"""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from glmkit.bio import Mutation
from glmkit.errors import BadInput
from glmkit.evaluate.tasks.task import Fold

Scheme = Literal["modulo", "contiguous", "random"]
_BETWEEN = ":"  # of the mutations of one mutant, as ProteinGym writes them


def split_positions(
    mutations: Sequence[str | Mutation | int], folds: int = 5, kind: Scheme = "modulo", seed: int = 0
) -> list[Fold]:
    """Divide mutants into folds for cross-validation.

    Parameters
    ----------
    mutations
        n of them: text such as ``A123V`` (several of one mutant with colons between), a Mutation, or a position from 0.
    folds
        How many, each held out once.
    kind
        ``"modulo"``: position p is in fold p modulo `folds`. ``"contiguous"``: stretches with about equally many of the mutated
        positions. ``"random"``: mutants are dealt out whatever their positions; those folds say so with ``shares_groups``.
    seed
        Of the random scheme.

    Returns
    -------
    list of Fold
        For :class:`glmkit.evaluate.Task`. A mutant of several positions is tested where all of them are held out, is trained on
        where none is, and is left out otherwise.

    Raises
    ------
    BadInput
        An unknown kind, text that is no mutation, or fewer positions (mutants, if random) than folds.
    """
    if kind not in get_args(Scheme):
        raise BadInput(f"kind: expected one of {', '.join(get_args(Scheme))}, got {kind!r}.")
    sites = [_sites(mutation) for mutation in mutations]
    known = sorted(set().union(*sites))
    units = len(sites) if kind == "random" else len(known)
    if not 2 <= folds <= units:
        what = "mutants" if kind == "random" else "mutated positions"
        raise BadInput(f"folds: expected 2 to {units}, the number of {what}, got {folds}.")
    if kind == "random":
        of_item = np.random.default_rng(seed).permutation(len(sites)) % folds
        return [Fold(np.flatnonzero(of_item != f), np.flatnonzero(of_item == f), shares_groups=True) for f in range(folds)]
    rank = {position: i for i, position in enumerate(known)}
    fold_of = {p: p % folds if kind == "modulo" else rank[p] * folds // len(known) for p in known}
    divided = []
    for f in range(folds):
        held = np.array([[fold_of[p] == f for p in site].count(True) / len(site) for site in sites])
        divided.append(Fold(np.flatnonzero(held == 0), np.flatnonzero(held == 1)))
    return divided


def _sites(mutation: str | Mutation | int) -> set[int]:
    """The positions, from 0, that a mutant concerns."""
    if isinstance(mutation, str):
        return set().union(*(_sites(Mutation.parse(text)) for text in mutation.split(_BETWEEN)))
    if isinstance(mutation, Mutation):
        return set(range(mutation.start, max(mutation.end, mutation.start + 1)))
    return {int(mutation)}
