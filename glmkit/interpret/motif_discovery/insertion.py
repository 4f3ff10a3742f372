"""Put a motif where it was not: the causal question to a model, asked place by place.

Single substitutions find what a window already uses. Planting asks the other way round: written over random places of real
windows, does the motif change the answer, where, and more than a shuffled copy of itself? The shuffled copies have the same
letters, so composition cannot explain the difference.
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
    """Effect of writing `motif` over each window at each position, minus that of its shuffled copies.

    Parameters
    ----------
    model
        A Classifier or a scoring function, as in :func:`glmkit.interpret.mutagenesis`.
    sequences
        Windows of one length, best those without the motif (negatives).
    motif
        Letters A, C, G, T.
    positions
        0-based places of the motif's first base.
    groups
        Unit of independence of each window, for the interval; None when windows are independent.
    shuffles
        Shuffled copies, each different from the motif.
    seed
        Of the shuffles and the bootstrap.
    target
        Class whose log-odds is followed.

    Returns
    -------
    pandas.DataFrame
        One row a position: position, effect (motif minus the mean of the shuffles, units of the score) with low and high, and
        motif and shuffled (each minus the window as it was).

    Raises
    ------
    BadInput
        A motif that does not fit at a position, or whose letters allow no different order.
    """
    score = model if is_function(model) else class_log_odds(model, target)
    length = check_windows(sequences)
    if outside := [place for place in positions if not 0 <= place <= length - len(motif)]:
        raise BadInput(f"positions: {motif!r} fits at 0 to {length - len(motif)} in windows of {length} bases, got {outside[0]}.")
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
