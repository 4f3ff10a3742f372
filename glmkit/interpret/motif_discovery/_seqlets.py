"""Seqlets: stretches of a sequence with significantly high attribution.

Attributions are summed over every window of `width` letters, and windows that are higher than all overlapping ones are kept. The
null distribution is empirical: the attributions of each sequence are permuted along it, which keeps their values and breaks
runs. The same search on permuted attributions gives the false discovery rate at every height. A model that uses isolated letters
has no runs, so no seqlets are found; use :func:`glmkit.interpret.importance` instead. Attributions that are smooth for other
reasons give runs as well, so interpret what seqlets have in common rather than their number.

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
    """Windows whose summed attribution is higher than expected from permuted attributions.

    Parameters
    ----------
    attributions
        Attribution of the letter at each position, (n, length), from :func:`glmkit.interpret.importance`; NaN beyond the end of a
        sequence. Or contributions of A, C, G and T, (n, length, 4), of which that of the letter in the sequence is used.
    sequences
        Sequences, (n,), no longer than the attributions.
    width
        Length of a window in letters, about that of the core of a motif.
    direction
        ``for`` finds letters that raise the score; ``against`` finds letters that lower it.
    fdr
        Maximum false discovery rate of the windows, estimated from permuted attributions.
    shuffles
        Number of permutations of all attributions.
    seed
        Random seed of the permutations.

    Returns
    -------
    pandas.DataFrame
        One row per window, best first: ``sequence`` (index), ``start`` and ``end`` (0-based, half-open), ``worth`` (summed
        attribution, positive in the chosen direction) and ``q`` (false discovery rate of all windows at least as high).

    Raises
    ------
    BadInput
        Shapes that do not match, attributions that are not finite within a sequence, or a width longer than all sequences.
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
    """Attribution of the letter at each position.

    Parameters
    ----------
    attributions, sequences, direction
        As in :func:`seqlets`.

    Returns
    -------
    float64 array (n, length)
        Positive in the chosen direction; 0 beyond the end of a sequence.

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
        raise BadInput(
            f"attributions: expected at least {max(map(len, sequences))} positions, the longest sequence, got {given.shape[1]}."
        )
    if given.ndim == 3:
        given = np.where(one_hot(sequences, given.shape[1]), given, 0).sum(2)
        if not given.any():
            raise BadInput(
                "attributions: expected values at the letters of the sequences, got only 0, as in effects of substitutions. Pass "
                "glmkit.interpret.importance(effects) instead."
            )
    inside = np.arange(given.shape[1]) < np.array([len(sequence) for sequence in sequences])[:, None]
    if not np.isfinite(given[inside]).all():
        bad = int(np.flatnonzero(~np.isfinite(np.where(inside, given, 0)).all(1))[0])
        raise BadInput(f"attributions[{bad}]: expected finite numbers at all letters of its sequence.")
    return np.where(inside, given, 0) * (1 if direction == "for" else -1)


def one_hot(sequences: Sequence[str], length: int) -> np.ndarray:
    """One-hot encoding of sequences.

    Parameters
    ----------
    sequences
        Sequences of A, C, G and T; other letters are all False.
    length
        Number of positions of the array, at least the longest sequence.

    Returns
    -------
    bool array (n, length, 4)
        False beyond the end of a sequence.
    """
    text = "".join(sequence.upper().ljust(length) for sequence in sequences)
    grid = np.frombuffer(text.encode("ascii", "replace"), np.uint8).reshape(len(sequences), length)
    return np.stack([grid == ord(letter) for letter in LETTERS], 2)


def _peaks(values: np.ndarray, lengths: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sequence, start and sum of each window above 0 that is the highest (first of ties) among overlapping windows."""
    total = np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1)
    sums = total[:, width:] - total[:, :-width]
    sums[np.arange(sums.shape[1]) > lengths[:, None] - width] = -np.inf
    highest = maximum_filter1d(sums, 2 * width - 1, axis=1, mode="constant", cval=-np.inf)
    rows, starts = np.nonzero((sums == highest) & (sums > 0))
    apart = np.ones(len(rows), dtype=bool)
    apart[1:] = (np.diff(rows) > 0) | (np.diff(starts) >= width)
    rows, starts = rows[apart], starts[apart]
    return rows, starts, sums[rows, starts]
