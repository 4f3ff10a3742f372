"""Motif discovery from attributions: clustering of seqlets by similarity.

Seqlets (:func:`glmkit.interpret.motif_discovery.seqlets`) are matrices of letters weighted by attribution. Their similarity is the
largest cosine over all shifts and both strands. The seqlet with the most similar ones is a seed. These are aligned to it and
averaged, all seqlets are aligned to the average, and this is repeated until membership no longer changes. The members are then
removed, and the next seed is chosen. This is TF-MoDISco in its simplest form: greedy, without subclusters, fast and
deterministic. Two motifs that always occur side by side are reported as one. A degenerate motif may be split; lower `similarity`
in that case.

References
----------
Shrikumar A et al. (2018). Technical note on transcription factor motif discovery from importance scores (TF-MoDISco).
arXiv:1811.00416.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from glmkit.errors import BadInput
from glmkit.interpret.motif_discovery._seqlets import Direction, one_hot, seqlets, worth_of_letters
from glmkit.interpret.motif_discovery.motif import COLUMNS, Motif

_ROUNDS = 10  # maximum rounds of alignment to the average
_EDGE = 0.2  # columns at the ends of a motif are trimmed below this fraction of the best column's attribution


class _Field(NamedTuple):  # numpydoc ignore=PR02
    """All sequences with margins: `weighted` and `letters`, (n, margin + length + margin, 4)."""

    weighted: np.ndarray
    letters: np.ndarray
    margin: int

    def cut(self, what: np.ndarray, places: np.ndarray, span: int) -> np.ndarray:
        """Windows (m, span, 4) of `what` at places (m, 3): sequence, start and strand (1 or -1)."""
        columns = places[:, 1, None] + self.margin + np.arange(span)
        windows = what[places[:, 0, None], np.clip(columns, 0, what.shape[1] - 1)]
        return np.where(places[:, 2, None, None] > 0, windows, windows[:, ::-1, ::-1])


def motifs(
    attributions: np.ndarray,
    sequences: Sequence[str],
    *,
    width: int = 8,
    flank: int = 4,
    direction: Direction = "for",
    similarity: float = 0.7,
    least: int = 10,
    most: int = 2000,
    fdr: float = 0.05,
    shuffles: int = 20,
    seed: int = 0,
) -> list[Motif]:
    """Motifs shared by stretches of high attribution.

    Parameters
    ----------
    attributions, sequences
        Attributions and sequences, as in :func:`glmkit.interpret.motif_discovery.seqlets`.
    width
        Length of a seqlet in letters.
    flank
        Number of letters added on either side of a seqlet: a motif has at most ``width + 2 * flank``.
    direction
        ``for`` finds letters that raise the score; ``against`` finds letters that lower it.
    similarity
        Minimum cosine of a member to the motif's average, in (0, 1). Two unrelated seqlets of 8 letters reach about 0.6 at
        their best shift.
    least
        Minimum number of seqlets per motif.
    most
        Maximum number of seqlets to compare, strongest first: time and memory grow quadratically.
    fdr, shuffles, seed
        False discovery rate, permutations and random seed of the seqlets.

    Returns
    -------
    list of Motif
        Sorted by number of occurrences, named ``motif 1`` and on. Contributions have the sign of `attributions`.

    Raises
    ------
    BadInput
        As in :func:`glmkit.interpret.motif_discovery.seqlets`, or parameters out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.interpret import motifs
    >>> generator = np.random.default_rng(0)
    >>> sequences, attributions = [], np.zeros((40, 60))
    >>> for row in attributions:  # the site TGACGTCA somewhere in a random sequence
    ...     letters, start = generator.choice(list("ACGT"), 60), int(generator.integers(10, 40))
    ...     letters[start : start + 8] = list("TGACGTCA")
    ...     row[start : start + 8] = 1
    ...     sequences.append("".join(letters))
    >>> found = motifs(attributions, sequences)
    >>> [(motif.name, motif.consensus, motif.n) for motif in found]
    [('motif 1', 'TGACGTCA', 40)]
    """
    if not 0 < similarity < 1 or flank < 0 or least < 2:
        raise BadInput(
            f"motifs: expected similarity between 0 and 1, flank of 0 or more and least of 2 or more, got {similarity}, {flank}, "
            f"{least}."
        )
    found = seqlets(attributions, sequences, width=width, direction=direction, fdr=fdr, shuffles=shuffles, seed=seed).head(most)
    if len(found) < least:
        return []
    values = worth_of_letters(attributions, sequences, direction)
    letters = one_hot(sequences, values.shape[1])
    margin = 2 * (width + 2 * flank)
    room = ((0, 0), (margin, margin), (0, 0))
    field = _Field(np.pad(letters * values[:, :, None], room), np.pad(letters, room), margin)
    starts = found["start"].to_numpy() - flank
    places = np.stack([found["sequence"].to_numpy(), starts, np.ones(len(found), int)], 1)
    groups = _gather(field, places, width + 2 * flank, similarity, least, reach=width // 2 + flank)
    made = [_motif(field, group, width + 2 * flank, 1 if direction == "for" else -1) for group in groups]
    made.sort(key=lambda motif: -motif.n)
    return [replace(motif, name=f"motif {number}") for number, motif in enumerate(made, 1)]


def _gather(field: _Field, places: np.ndarray, span: int, similarity: float, least: int, reach: int) -> list[np.ndarray]:
    """Groups of aligned places, (members, 3) each."""
    close = _similarities(field.cut(field.weighted, places, span), reach) >= similarity
    left, may_seed = np.ones(len(places), bool), np.ones(len(places), bool)
    groups: list[np.ndarray] = []
    while True:
        relatives = np.where(left & may_seed, (close & left).sum(1), 0)
        first = int(relatives.argmax())
        if relatives[first] < least:
            return groups
        average, members = field.cut(field.weighted, places[[first]], span)[0], np.zeros(len(places), bool)
        for _ in range(_ROUNDS):
            laid, cosine = _lay(field, places, average, reach)
            chosen = left & (cosine >= similarity)
            if not chosen.any() or (chosen == members).all():
                break
            members, average = chosen, field.cut(field.weighted, laid[chosen], span).mean(0)
        if members.sum() < least:
            may_seed[first] = False
            continue
        left &= ~members
        _join(field, groups, laid[members], span, similarity, reach)


def _join(field: _Field, groups: list[np.ndarray], new: np.ndarray, span: int, similarity: float, reach: int) -> None:
    """Add a group, or merge it into an earlier group with a similar average."""
    own = field.cut(field.weighted, new, span).mean(0)
    for number, group in enumerate(groups):
        average = field.cut(field.weighted, group, span).mean(0)
        if _similarities(np.stack([average, own]), reach)[0, 1] >= similarity:
            groups[number] = np.concatenate([group, _lay(field, new, average, reach)[0]])
            return
    groups.append(new)


def _similarities(matrices: np.ndarray, reach: int) -> np.ndarray:
    """Largest cosine of each pair of matrices (m, span, 4) over shifts and strands, float32 (m, m)."""
    count, span, _ = matrices.shape
    norms = np.linalg.norm(matrices.reshape(count, -1), axis=1)[:, None, None]
    unit = (matrices / np.where(norms > 0, norms, 1)).astype(np.float32)
    still = unit.reshape(count, -1)
    best = np.full((count, count), -1, np.float32)
    for turned in (unit, unit[:, ::-1, ::-1]):
        roomy = np.pad(turned, ((0, 0), (reach, reach), (0, 0)))
        for shift in range(2 * reach + 1):
            np.maximum(best, still @ roomy[:, shift : shift + span].reshape(count, -1).T, out=best)
    return best


def _lay(field: _Field, places: np.ndarray, average: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Each place at the shift and strand most similar to the average, and its cosine there."""
    span, best, laid = len(average), np.full(len(places), -1.0), places.copy()
    for strand in (1, -1):
        for shift in range(-reach, reach + 1):
            moved = np.stack([places[:, 0], places[:, 1] + shift, np.full(len(places), strand)], 1)
            windows = field.cut(field.weighted, moved, span)
            norms = np.linalg.norm(windows.reshape(len(windows), -1), axis=1) * np.linalg.norm(average)
            cosine = np.tensordot(windows, average, 2) / np.where(norms > 0, norms, 1)
            better = cosine > best
            best[better], laid[better] = cosine[better], moved[better]
    return laid, best


def _motif(field: _Field, group: np.ndarray, span: int, sign: int) -> Motif:
    """Motif of aligned places, with weak columns trimmed at its ends; one occurrence per place."""
    group = np.unique(group, axis=0)
    weighted = field.cut(field.weighted, group, span)
    worth = weighted.mean(0).sum(1)
    kept = np.flatnonzero(worth >= _EDGE * worth.max())
    first, last = int(kept[0]), int(kept[-1]) + 1
    counts = field.cut(field.letters, group, span)[:, first:last].sum(0) + 0.0
    counts += 1e-3  # gives columns without known letters a uniform distribution
    starts = group[:, 1] + np.where(group[:, 2] > 0, first, span - last)
    strands = np.where(group[:, 2] > 0, "+", "-")
    each = sign * weighted[:, first:last].sum((1, 2))
    columns = (group[:, 0], starts, starts + last - first, strands, each)
    return Motif(
        name="motif",
        frequencies=counts / counts.sum(1, keepdims=True),
        contributions=sign * weighted[:, first:last].mean(0),
        n=len(group),
        positions=pd.DataFrame(dict(zip(COLUMNS, columns, strict=True))),
    )
