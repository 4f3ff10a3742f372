"""Stretches of a sequence that a model leans on: runs of high attribution that chance does not make.

Attributions are summed over every window of `width` letters, and the windows that are highest among those they overlap are kept.
What chance makes is measured, not assumed: each sequence's attributions are shuffled along it, which keeps their sizes and
breaks their runs, and the same search on the shuffled ones gives the share of false finds at every height. The trade-off: a
model that uses single letters far apart has no runs, and nothing is found; look at :func:`glmkit.interpret.importance` then. And
attributions that are smooth for another reason make runs too: what such stretches have in common decides, not their number.

References
----------
Shrikumar A et al. (2018). Technical note on transcription factor motif discovery from importance scores (TF-MoDISco).
arXiv:1811.00416 (who named them seqlets).
"""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy.ndimage import maximum_filter1d

from glmkit.errors import BadInput
from glmkit.interpret.attribution._mutagenesis import LETTERS

Direction = Literal["for", "against"]


def seqlets(
    attributions: np.ndarray,
    sequences: Sequence[str],
    *,
    width: int = 8,
    direction: Direction = "for",
    fdr: float = 0.05,
    shuffles: int = 20,
    seed: int = 0,
) -> pd.DataFrame:
    """Windows whose summed attribution is higher than shuffling explains.

    Parameters
    ----------
    attributions
        (n, length): what the letter that stands there is worth, as :func:`glmkit.interpret.importance` gives it; NaN beyond a
        sequence's end. Or (n, length, 4): contributions of A, C, G and T, of which the letter that stands there counts.
    sequences
        n of them, no longer than the attributions.
    width
        Letters of a window: about as many as the core of a motif has.
    direction
        ``for``: what raises the score; ``against``: what lowers it.
    fdr
        Share of false finds among the windows that are kept, as the shuffled attributions estimate it.
    shuffles
        Shuffled copies of all attributions.
    seed
        Of the shuffles.

    Returns
    -------
    pandas.DataFrame
        One row a window, best first: ``sequence`` (number), ``start`` and ``end`` (0-based, half-open), ``worth`` (its sum, above
        0 in the direction asked for) and ``q``, the share of false finds among all windows as high.

    Raises
    ------
    BadInput
        Shapes that do not fit, attributions that are not finite inside a sequence, or a width that no sequence holds.
    """
    values = worth_of_letters(attributions, sequences, direction)
    lengths = np.array([len(sequence) for sequence in sequences])
    if not 2 <= width <= lengths.max():
        raise BadInput(f"width: expected 2 to {lengths.max()} letters, the longest sequence, got {width}.")
    rng = np.random.default_rng(seed)
    rows, starts, worth = _peaks(values, lengths, width)
    beyond = np.arange(values.shape[1]) >= lengths[:, None]
    chance = np.zeros(0)
    for _ in range(shuffles):
        order = np.argsort(np.where(beyond, 2.0, rng.random(values.shape)), axis=1)
        chance = np.append(chance, _peaks(np.take_along_axis(values, order, 1), lengths, width)[2])
    best = np.argsort(-worth, kind="stable")
    rows, starts, worth = rows[best], starts[best], worth[best]
    as_high = len(chance) - np.searchsorted(np.sort(chance), worth)
    false = (as_high + 1) / shuffles / np.arange(1, len(worth) + 1)
    q = np.minimum(np.minimum.accumulate(false[::-1])[::-1], 1.0)
    table = pd.DataFrame({"sequence": rows, "start": starts, "end": starts + width, "worth": worth, "q": q})
    return table[table["q"] <= fdr].reset_index(drop=True)


def worth_of_letters(attributions: np.ndarray, sequences: Sequence[str], direction: Direction) -> np.ndarray:
    """Attribution of the letter that stands at each place.

    Parameters
    ----------
    attributions, sequences, direction
        As in :func:`seqlets`.

    Returns
    -------
    float64 array (n, length)
        Above 0 in the direction asked for; 0 beyond a sequence's end.

    Raises
    ------
    BadInput
        As in :func:`seqlets`.
    """
    given = np.asarray(attributions, dtype=np.float64)
    if isinstance(sequences, str) or not len(sequences):
        raise BadInput("sequences: expected a list with at least one sequence.")
    if direction not in get_args(Direction):
        raise BadInput(f"direction: expected one of {', '.join(get_args(Direction))}, got {direction!r}.")
    if given.ndim not in (2, 3) or len(given) != len(sequences) or (given.ndim == 3 and given.shape[2] != 4):
        raise BadInput(
            f"attributions: expected ({len(sequences)}, length) or ({len(sequences)}, length, 4) for as many sequences, "
            f"got {given.shape}."
        )
    if max(map(len, sequences)) > given.shape[1]:
        raise BadInput(f"attributions reach over {given.shape[1]} letters, but a sequence has {max(map(len, sequences))}.")
    if given.ndim == 3:
        given = np.where(one_hot(sequences, given.shape[1]), given, 0).sum(2)
        if not given.any():
            raise BadInput(
                "attributions: all letters that stand there have 0, as in the effects of substitutions. Give "
                "glmkit.interpret.importance(effects) instead."
            )
    inside = np.arange(given.shape[1]) < np.array([len(sequence) for sequence in sequences])[:, None]
    if not np.isfinite(given[inside]).all():
        bad = int(np.flatnonzero(~np.isfinite(np.where(inside, given, 0)).all(1))[0])
        raise BadInput(f"attributions[{bad}]: expected finite numbers at all letters of its sequence.")
    return np.where(inside, given, 0) * (1 if direction == "for" else -1)


def one_hot(sequences: Sequence[str], length: int) -> np.ndarray:
    """Which letter stands where.

    Parameters
    ----------
    sequences
        Of A, C, G and T; other letters are nowhere.
    length
        Places of the array, no fewer than the longest sequence has.

    Returns
    -------
    bool array (n, length, 4)
        False beyond a sequence's end.
    """
    text = "".join(sequence.upper().ljust(length) for sequence in sequences)
    grid = np.frombuffer(text.encode("ascii", "replace"), np.uint8).reshape(len(sequences), length)
    return np.stack([grid == ord(letter) for letter in LETTERS], 2)


def _peaks(values: np.ndarray, lengths: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sequence, start and sum of each window that is above 0 and the highest (of equals the first) among those it overlaps."""
    total = np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1)
    sums = total[:, width:] - total[:, :-width]
    sums[np.arange(sums.shape[1]) > lengths[:, None] - width] = -np.inf
    highest = maximum_filter1d(sums, 2 * width - 1, axis=1, mode="constant", cval=-np.inf)
    rows, starts = np.nonzero((sums == highest) & (sums > 0))
    apart = np.ones(len(rows), dtype=bool)
    apart[1:] = (np.diff(rows) > 0) | (np.diff(starts) >= width)
    rows, starts = rows[apart], starts[apart]
    return rows, starts, sums[rows, starts]
