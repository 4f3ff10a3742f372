"""Motifs from attributions: the stretches that a model leans on, gathered by what they look like.

Stretches (:func:`glmkit.interpret.motif_discovery.seqlets`) are compared as matrices of letters weighted by attribution, at every shift and on
both strands, by the cosine. The stretch with most relatives is a seed; its relatives are laid over it and averaged, all stretches
are laid over the average, and so on until none joins or leaves. What belongs to a motif is then set aside and the next seed
taken. It is the idea of TF-MoDISco in its simplest form: greedy, without subclusters, quick, and the same for the same input. Two
motifs that always stand side by side come out as one; a very loose one may break up, for which `similarity` can be lowered.

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

_ROUNDS = 10  # of laying stretches over their average
_EDGE = 0.2  # a motif ends where a column's worth falls below this share of the best column's


class _Field(NamedTuple):  # numpydoc ignore=PR02
    """All sequences, with room around them: `weighted` and `letters` (n, margin + length + margin, 4)."""

    weighted: np.ndarray
    letters: np.ndarray
    margin: int

    def cut(self, what: np.ndarray, places: np.ndarray, span: int) -> np.ndarray:
        """Windows (places, span, 4) of `what`; places (m, 3) are sequence, start and strand (1 or -1)."""
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
    """What the stretches of high attribution have in common.

    Parameters
    ----------
    attributions, sequences
        As in :func:`glmkit.interpret.motif_discovery.seqlets`.
    width
        Letters of the windows that are looked for.
    flank
        Letters looked at on either side of them: a motif has at most ``width + 2 * flank``.
    direction
        ``for``: what raises the score; ``against``: what lowers it.
    similarity
        Cosine to a motif's average from which a stretch belongs to it. Two unrelated stretches of 8 letters reach about 0.6 at
        their best shift.
    least
        Fewest stretches of a motif.
    most
        Strongest stretches that are compared: time and memory grow with the square.
    fdr, shuffles, seed
        Of the stretches.

    Returns
    -------
    list of Motif
        Those with most occurrences first, named ``motif 1`` and on. Contributions have the sign of `attributions`.

    Raises
    ------
    BadInput
        As in :func:`glmkit.interpret.motif_discovery.seqlets`, or parameters out of range.
    """
    if not 0 < similarity < 1 or flank < 0 or least < 2:
        raise BadInput(
            f"motifs: expected similarity between 0 and 1, flank of 0 or more and least of 2 or more, got {similarity}, {flank}, {least}."
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
    """Groups of places (members, 3), aligned within each group."""
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
    """Add a group, or add its places to an earlier group that looks the same."""
    own = field.cut(field.weighted, new, span).mean(0)
    for number, group in enumerate(groups):
        average = field.cut(field.weighted, group, span).mean(0)
        if _similarities(np.stack([average, own]), reach)[0, 1] >= similarity:
            groups[number] = np.concatenate([group, _lay(field, new, average, reach)[0]])
            return
    groups.append(new)


def _similarities(matrices: np.ndarray, reach: int) -> np.ndarray:
    """Best cosine of each two matrices (m, span, 4) over shifts and strands, float32 (m, m)."""
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
    """Each place moved and turned to where it is most like the average, and its cosine there."""
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
    """The motif of aligned places, without columns at its ends that are worth little; one occurrence a place."""
    group = np.unique(group, axis=0)
    weighted = field.cut(field.weighted, group, span)
    worth = weighted.mean(0).sum(1)
    kept = np.flatnonzero(worth >= _EDGE * worth.max())
    first, last = int(kept[0]), int(kept[-1]) + 1
    counts = field.cut(field.letters, group, span)[:, first:last].sum(0) + 0.0
    counts += 1e-3  # so that a column in which no letter is known is even
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
