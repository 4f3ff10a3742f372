"""Where a motif stands in sequences, each place with its p-value; and whether it stands there more often than chance.

A place is scored by the log-odds of its letters under the motif and under the background (Staden 1989; FIMO, Grant 2011). The
scores are whole numbers of steps of 1/100 bit, so that their distribution over random words is exact: one convolution a
position. memelite's FIMO does the same and is quicker on whole genomes, but takes a quarter of a minute to compile at its first
call; here nothing is compiled, and a few thousand windows take well under a second.

References
----------
Staden R (1989). Methods for calculating the probabilities of finding patterns in sequences. CABIOS 5, 89-96.
Grant CE, Bailey TL, Noble WS (2011). FIMO: scanning for occurrences of a given motif. Bioinformatics 27, 1017-1018.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from glmkit.errors import BadInput
from glmkit.interpret.attribution._mutagenesis import LETTERS
from glmkit.interpret.motif_discovery.motif import Motif
from glmkit.interpret.motif_discovery.shuffle import dinucleotide_shuffle

_STEPS = 100  # a bit
_PSEUDOCOUNT = 1e-3  # of each letter, so that no letter is impossible: 8 bits below an even one
_EVEN = (0.25, 0.25, 0.25, 0.25)


def scan(
    motif: Motif, sequences: Sequence[str], *, p: float = 1e-4, background: Sequence[float] = _EVEN, strands: str = "+-"
) -> pd.DataFrame:
    """Places that fit a motif better than all but a share `p` of random words.

    Parameters
    ----------
    motif
        What is looked for.
    sequences
        Of any lengths; a place with another letter than A, C, G, T is passed over.
    p
        Highest p-value of a place, for one word on one strand: in 1,000 sequences of 100 bases some 20 places pass 1e-4 by
        chance. A motif of few letters may have no word that rare.
    background
        Frequencies of A, C, G and T in random words.
    strands
        ``+-`` for both, ``+`` or ``-`` for one.

    Returns
    -------
    pandas.DataFrame
        One row a place, by sequence and start: ``sequence`` (number), ``start`` and ``end`` (0-based, half-open, on the strand
        given), ``strand``, ``score`` (bits), ``p`` and ``word`` (as it reads on that strand).

    Raises
    ------
    BadInput
        A single string instead of a list, a background that is not four positive frequencies, or other strands.
    """
    if isinstance(sequences, str):
        raise BadInput("sequences: expected a list of sequences, got one string. Put it in a list: [sequence].")
    if strands not in ("+-", "+", "-"):
        raise BadInput(f"strands: expected '+-', '+' or '-', got {strands!r}.")
    table = _steps(motif, background)
    rarer, lowest = _survival(table, background)
    offsets = np.cumsum([0, *(len(sequence) + 1 for sequence in sequences)])
    codes = _codes(sequences)
    found = []
    for strand in strands:
        weights = table if strand == "+" else table[::-1, ::-1]
        scores = _scores(weights, codes)
        known = scores > np.iinfo(np.int32).min // 2
        chance = np.where(known, rarer[np.where(known, scores - lowest, 0)], 1.0)
        starts = np.flatnonzero(known & (chance <= p))
        which = np.searchsorted(offsets, starts, side="right") - 1
        columns = {"sequence": which, "start": starts - offsets[which], "strand": strand, "score": scores[starts] / _STEPS}
        found.append(pd.DataFrame({**columns, "p": chance[starts]}))
    hits = pd.concat(found, ignore_index=True).sort_values(["sequence", "start", "strand"], ignore_index=True)
    hits.insert(2, "end", hits["start"] + len(motif))
    places = zip(hits["sequence"], hits["start"], hits["end"], hits["strand"], strict=True)
    hits["word"] = [_read(sequences[number][start:end], strand) for number, start, end, strand in places]
    return hits


def enrichment(
    motifs: Sequence[Motif],
    sequences: Sequence[str],
    *,
    p: float = 1e-4,
    background: Sequence[float] = _EVEN,
    shuffles: int = 10,
    seed: int = 0,
) -> pd.DataFrame:
    """Whether motifs stand in more sequences than in copies with the same pairs of letters.

    Parameters
    ----------
    motifs
        One or more.
    sequences
        What is asked about. Sequences in which the motif was found first make it look better than it is: hold some out.
    p, background
        Of a place, as in :func:`scan`.
    shuffles
        Copies of each sequence (:func:`glmkit.interpret.dinucleotide_shuffle`).
    seed
        Of the copies.

    Returns
    -------
    pandas.DataFrame
        One row a motif, in the order given: ``motif``, ``sequences`` with a place, ``share`` of all, ``expected`` share by the
        copies, ``fold`` (infinite if no copy has a place), ``p`` (Fisher's exact test, one-sided, which takes sequences as
        independent) and ``q`` (Benjamini and Hochberg).

    Raises
    ------
    BadInput
        No motif, no sequence, or fewer than one copy.
    """
    from scipy.stats import false_discovery_control, fisher_exact

    if not len(motifs) or not len(sequences) or shuffles < 1:
        raise BadInput("enrichment: expected at least one motif, one sequence and one shuffled copy of each.")
    copies = [copy for number in range(shuffles) for copy in dinucleotide_shuffle(sequences, seed + number)]
    rows = []
    for motif in motifs:
        own, chance = (scan(motif, each, p=p, background=background)["sequence"].nunique() for each in (sequences, copies))
        share, expected = own / len(sequences), chance / len(copies)
        table = np.array([[own, len(sequences) - own], [chance, len(copies) - chance]])
        fold = share / expected if expected else (np.inf if own else np.nan)
        rows.append((motif.name, own, share, expected, fold, float(fisher_exact(table, alternative="greater").pvalue)))
    result = pd.DataFrame(rows, columns=["motif", "sequences", "share", "expected", "fold", "p"])
    return result.assign(q=false_discovery_control(result["p"]))


def _steps(motif: Motif, background: Sequence[float]) -> np.ndarray:
    """Log-odds of each letter at each position in whole steps, int64 (length, 4)."""
    expected = np.asarray(background, dtype=np.float64)
    if expected.shape != (4,) or (expected <= 0).any() or not np.isclose(expected.sum(), 1):
        raise BadInput(f"background: expected four positive frequencies that sum to 1, got {expected.tolist()}.")
    seen = (motif.frequencies + _PSEUDOCOUNT) / (1 + 4 * _PSEUDOCOUNT)
    return np.rint(_STEPS * np.log2(seen / expected)).astype(np.int64)


def _survival(table: np.ndarray, background: Sequence[float]) -> tuple[np.ndarray, int]:
    """Probability that a random word scores as high or higher, by score above the lowest; and the lowest score."""
    above = table - table.min(1, keepdims=True)
    chance = np.ones(1)
    for column in above:
        longer = np.zeros(len(chance) + column.max())
        for step, share in zip(column, background, strict=True):
            longer[step : step + len(chance)] += share * chance
        chance = longer
    return np.minimum(np.cumsum(chance[::-1])[::-1], 1.0), int(table.min(1).sum())


def _codes(sequences: Sequence[str]) -> np.ndarray:
    """0 to 3 for the letters of all sequences one after another, 4 for others and after each sequence."""
    code = np.full(256, 4, np.int64)
    for number, letter in enumerate(LETTERS):
        code[[ord(letter), ord(letter.lower())]] = number
    text = "".join(sequence + " " for sequence in sequences)
    return code[np.frombuffer(text.encode("ascii", "replace"), np.uint8)]


def _scores(weights: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Score of the word at each place, int64; far below all scores where it holds an unknown letter or runs over an end."""
    unknown = np.iinfo(np.int32).min
    roomy = np.concatenate([codes, np.full(len(weights), 4)])
    total = np.zeros(len(codes), np.int64)
    for place, row in enumerate(weights):
        total += np.append(row, unknown)[roomy[place : place + len(codes)]]
    return total


def _read(word: str, strand: str) -> str:
    word = word.upper()
    return word if strand == "+" else word[::-1].translate(str.maketrans("ACGT", "TGCA"))
