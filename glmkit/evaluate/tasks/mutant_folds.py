"""Folds over the mutants of one protein: at random, or with the mutated positions of the test side unseen in training.

Mutants of one position resemble each other. A method trained on ``A42V`` has most of the information on ``A42L``, so a random split
mostly measures how sensitive each position is on average. Holding out every k-th position (``"modulo"``) tests positions whose
neighbours were measured. Holding out a stretch (``"contiguous"``) tests a region without measurements. Report all three, and never the
random split alone. They are the schemes of ProteinGym's supervised benchmark (NeurIPS 2023).
"""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from glmkit.bio import Mutation
from glmkit.errors import BadInput
from glmkit.evaluate.tasks.task import Fold

Scheme = Literal["modulo", "contiguous", "random"]
_BETWEEN = ":"  # separates the mutations of one mutant, as in ProteinGym


def split_positions(
    mutations: Sequence[str | Mutation | int], folds: int = 5, kind: Scheme = "modulo", seed: int = 0
) -> list[Fold]:
    """Divide mutants into folds for cross-validation.

    Parameters
    ----------
    mutations
        Mutations, n: text such as ``A123V`` (several of one mutant separated by colons), a Mutation, or a position from 0.
    folds
        Number of folds, each held out once.
    kind
        ``"modulo"``: position p is in fold p modulo `folds`. ``"contiguous"``: stretches with about equal numbers of mutated
        positions. ``"random"``: mutants are divided irrespective of their positions; those folds have ``shares_groups``.
    seed
        Seed of the random scheme, 0 or more.

    Returns
    -------
    list of Fold
        Folds for :class:`glmkit.evaluate.Task`. A mutant of several positions is tested if all of them are held out, is in training if
        none is, and is left out otherwise.

    Raises
    ------
    BadInput
        An unknown kind, text that is no mutation, or fewer positions (mutants, if random) than folds.
    """
    if kind not in get_args(Scheme):
        raise BadInput(f"kind: expected one of {', '.join(get_args(Scheme))}, got {kind!r}.")
    positions = [_positions(mutation) for mutation in mutations]
    known = sorted(set().union(*positions))
    units = len(positions) if kind == "random" else len(known)
    if not 2 <= folds <= units:
        what = "mutants" if kind == "random" else "mutated positions"
        raise BadInput(f"folds: expected 2 to {units}, the number of {what}, got {folds}.")
    if kind == "random":
        of_item = np.random.default_rng(seed).permutation(len(positions)) % folds
        return [Fold(np.flatnonzero(of_item != f), np.flatnonzero(of_item == f), shares_groups=True) for f in range(folds)]
    rank = {position: i for i, position in enumerate(known)}
    fold_of = {p: p % folds if kind == "modulo" else rank[p] * folds // len(known) for p in known}
    divided = []
    for f in range(folds):
        held = np.array([[fold_of[p] == f for p in one].count(True) / len(one) for one in positions])
        divided.append(Fold(np.flatnonzero(held == 0), np.flatnonzero(held == 1)))
    return divided


def _positions(mutation: str | Mutation | int) -> set[int]:
    """Mutated positions of a mutant, from 0."""
    if isinstance(mutation, str):
        return set().union(*(_positions(Mutation.parse(text)) for text in mutation.split(_BETWEEN)))
    if isinstance(mutation, Mutation):
        return set(range(mutation.start, max(mutation.end, mutation.start + 1)))
    return {int(mutation)}
