"""Motif scanning: occurrences of a motif in sequences with their p-values, and tests of enrichment.

A site is scored by the log-odds of its letters under the motif and under the background (Staden 1989; FIMO, Grant 2011). Scores
are rounded to steps of 1/100 bit. Their distribution over random words is therefore exact, by one convolution per position.
memelite's FIMO does the same and is faster on whole genomes, but compiles for 15 seconds at its first call. Here nothing is
compiled, and a few thousand windows take well under a second.

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

_STEPS = 100  # steps per bit
_PSEUDOCOUNT = 1e-3  # added to each frequency, so that absent letters have a finite score, 8 bits below a uniform one
_EVEN = (0.25, 0.25, 0.25, 0.25)


def scan(
    motif: Motif, sequences: Sequence[str], *, p: float = 1e-4, background: Sequence[float] = _EVEN, strands: str = "+-"
) -> pd.DataFrame:
    """Sites of a motif with a p-value of at most `p`.

    Parameters
    ----------
    motif
        Motif to search for.
    sequences
        Sequences of any length; sites with letters other than A, C, G, T are skipped.
    p
        Maximum p-value of a site, for one word on one strand. In 1,000 sequences of 100 bases about 20 sites pass 1e-4 by
        chance. A short motif may have no word that rare.
    background
        Frequencies of A, C, G and T in random words.
    strands
        ``+-`` for both strands, ``+`` or ``-`` for one.

    Returns
    -------
    pandas.DataFrame
        One row per site, sorted by sequence and start: ``sequence`` (index), ``start`` and ``end`` (0-based, half-open, on the
        + strand), ``strand``, ``score`` (bits), ``p`` and ``word`` (as read on its strand).

    Raises
    ------
    BadInput
        A single string instead of a list, a background that is not four positive frequencies, or unknown strands.
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
    """Enrichment of motifs in sequences, relative to dinucleotide-shuffled copies.

    Parameters
    ----------
    motifs
        One or more motifs.
    sequences
        Sequences to test. Use sequences that were held out from motif discovery, as discovery biases the test.
    p, background
        Maximum p-value of a site and background frequencies, as in :func:`scan`.
    shuffles
        Number of shuffled copies of each sequence (:func:`glmkit.interpret.dinucleotide_shuffle`).
    seed
        Random seed of the copies.

    Returns
    -------
    pandas.DataFrame
        One row per motif, in the order given: ``motif``, ``sequences`` (number with a site), ``share`` (fraction of all),
        ``expected`` (fraction of the copies), ``fold`` (infinite if no copy has a site), ``p`` (one-sided Fisher's exact test,
        with sequences as independent units) and ``q`` (Benjamini and Hochberg).

    Raises
    ------
    BadInput
        No motif, no sequence, or fewer than one copy.

    Examples
    --------
    >>> from glmkit.interpret import Motif, enrichment, position_frequencies
    >>> motif = Motif(name="box", frequencies=position_frequencies(["TATAATGC"]))
    >>> sequences = ["GGCATATAATGCACGGTT", "CCGTATAATGCATTGCGA", "ACGTATAATGCGGCTTAC"]
    >>> table = enrichment([motif], sequences)
    >>> table[["motif", "sequences", "share"]]
      motif  sequences  share
    0   box          3    1.0
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
    """Log-odds of each letter at each position in integer steps, int64 (length, 4)."""
    expected = np.asarray(background, dtype=np.float64)
    if expected.shape != (4,) or (expected <= 0).any() or not np.isclose(expected.sum(), 1):
        raise BadInput(f"background: expected four positive frequencies that sum to 1, got {expected.tolist()}.")
    seen = (motif.frequencies + _PSEUDOCOUNT) / (1 + 4 * _PSEUDOCOUNT)
    return np.rint(_STEPS * np.log2(seen / expected)).astype(np.int64)


def _survival(table: np.ndarray, background: Sequence[float]) -> tuple[np.ndarray, int]:
    """Probability that a random word has at least a given score, indexed by score above the lowest; and the lowest score."""
    above = table - table.min(1, keepdims=True)
    chance = np.ones(1)
    for column in above:
        longer = np.zeros(len(chance) + column.max())
        for step, share in zip(column, background, strict=True):
            longer[step : step + len(chance)] += share * chance
        chance = longer
    return np.minimum(np.cumsum(chance[::-1])[::-1], 1.0), int(table.min(1).sum())


def _codes(sequences: Sequence[str]) -> np.ndarray:
    """Codes of the concatenated sequences: 0 to 3 for A, C, G, T, 4 for other letters and after each sequence."""
    code = np.full(256, 4, np.int64)
    for number, letter in enumerate(LETTERS):
        code[[ord(letter), ord(letter.lower())]] = number
    text = "".join(sequence + " " for sequence in sequences)
    return code[np.frombuffer(text.encode("ascii", "replace"), np.uint8)]


def _scores(weights: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Score of the word at each position, int64; below all real scores for words with unknown letters or across an end."""
    unknown = np.iinfo(np.int32).min
    roomy = np.concatenate([codes, np.full(len(weights), 4)])
    total = np.zeros(len(codes), np.int64)
    for place, row in enumerate(weights):
        total += np.append(row, unknown)[roomy[place : place + len(codes)]]
    return total


def _read(word: str, strand: str) -> str:
    word = word.upper()
    return word if strand == "+" else word[::-1].translate(str.maketrans("ACGT", "TGCA"))
