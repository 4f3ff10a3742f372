"""Motif insertion: effect of a motif on a model's score at each position of a window.

Substitutions test letters that a window already has. Insertion tests the converse: a motif replaces the letters at a given position
of real windows, and its effect is compared with that of shuffled copies. The copies have the same composition, so composition
cannot explain a difference.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from glmkit.errors import BadInput
from glmkit.interpret.attribution._mutagenesis import _checked, check_windows, class_log_odds
from glmkit.interpret.attribution.target import is_function
from glmkit.statistics import ratio


def plant(
    model: Callable[[list[str]], np.ndarray] | Any,
    sequences: Sequence[str],
    motif: str,
    positions: Sequence[int],
    *,
    groups: Sequence[object] | None = None,
    shuffles: int = 5,
    seed: int = 0,
    target: int = 1,
) -> pd.DataFrame:
    """Effect of inserting `motif` into each window at each position, minus that of its shuffled copies.

    Parameters
    ----------
    model
        A Classifier or a scoring function, as in :func:`glmkit.interpret.mutagenesis`.
    sequences
        Windows of equal length, preferably without the motif (negatives).
    motif
        Motif as a string of A, C, G, T.
    positions
        Positions of the motif's first base, 0-based.
    groups
        Unit of independence of each window, (n,), for the interval; None when windows are independent.
    shuffles
        Number of shuffled copies, each different from the motif.
    seed
        Random seed of the shuffles and the bootstrap.
    target
        Index of the class whose log-odds is scored.

    Returns
    -------
    pandas.DataFrame
        One row per position. Columns: position; effect (motif minus mean of the shuffles, in units of the score); low and high
        (95% interval); motif and shuffled (each minus the original window).

    Raises
    ------
    BadInput
        A motif that exceeds the window at a position, or whose letters permit no other order.
    """
    score = model if is_function(model) else class_log_odds(model, target)
    length = check_windows(sequences)
    if outside := [place for place in positions if not 0 <= place <= length - len(motif)]:
        raise BadInput(
            f"positions: expected 0 to {length - len(motif)} for {motif!r} in windows of {length} bases, got {outside[0]}."
        )
    if len(set(motif)) < 2 or set(motif) - set("ACGT"):
        raise BadInput(f"motif: expected A, C, G, T with at least two different letters (to shuffle), got {motif!r}.")
    rng = np.random.default_rng(seed)
    copies: list[str] = []
    while len(copies) < shuffles:
        copy = "".join(rng.permutation(list(motif)))
        if copy != motif:
            copies.append(copy)
    before = _checked(score, list(sequences))
    rows = []
    for place in positions:
        own, *others = (
            _checked(score, [s[:place] + written + s[place + len(motif) :] for s in sequences]) - before
            for written in (motif, *copies)
        )
        shuffled = np.mean(others, axis=0)
        effect = ratio(own - shuffled, np.ones(len(own)), groups, seed=seed)
        rows.append((place, *effect, own.mean(), shuffled.mean()))
    return pd.DataFrame(rows, columns=["position", "effect", "low", "high", "motif", "shuffled"])
