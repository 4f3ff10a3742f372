"""Markov models of DNA: the reference for a language model's bits per base.

An order-k model predicts each base from the k preceding bases by counting. Order 0 is base composition, order 2 covers codons
approximately, and orders 5 to 11 are those of gene finders. A language model that is not better than the best order on held-out
sequence has learned no more than counting gives.

High orders run out of data: 4 to the power of 12 counts at order 11, against some millions of bases. With ``interpolated=True`` every
context is shrunk towards the next shorter one, with the weight of `strength` pseudo-observations (MacKay & Peto 1995). The plain model
adds `pseudocount` to every count. A base with fewer than k known letters before it (the first k bases, or after an N) is predicted from
the letters that are known.

References
----------
MacKay DJC, Peto LCB (1995). A hierarchical Dirichlet language model. Natural Language Engineering 1, 289-308.
Salzberg SL et al. (1998). Microbial gene identification using interpolated Markov models. NAR 26, 544-548.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from glmkit.errors import BadInput
from glmkit.evaluate.baselines.dna.features import UNKNOWN, join_codes, kmer_codes, known_run
from glmkit.evaluate.method import check_fitted
from glmkit.statistics import Estimate, ratio

_CHUNK = 4_000_000


class MarkovModel:
    """An order-k Markov model of DNA with additive smoothing, or interpolated.

    Parameters
    ----------
    order
        Number of preceding bases, 0 to 12.
    pseudocount
        Count added to each of the four counts of every context (at order 0 only, if interpolated), above 0.
    interpolated
        Shrink each context's distribution towards that of the next shorter context.
    strength
        Pseudo-observations of the shorter context if interpolated, above 0; 100 was best of 10 to 300 on a bacterial genome.
    both_strands
        Count the reverse complement of every sequence too. Bacterial genes are on both strands, so this doubles the data.
    letter_ids
        Ids of A, C, G and T if sequences are given as integer ids (``tokenizer.letter_ids``).

    Attributes
    ----------
    counts
        After :meth:`fit`: for each context length j up to `order`, int64 ``(4**j, 4)``: context by next base.

    Examples
    --------
    >>> from glmkit.evaluate.baselines import MarkovModel
    >>> model = MarkovModel(order=2, both_strands=True).fit(["ACGACGACGACGACGACG"])
    >>> print(model.bits_per_base(["ACGACGACG", "CGACGACGA"], draws=50))
    0.915 [0.898, 0.932]
    >>> model.counts[0].tolist()
    [[6, 12, 12, 6]]
    """

    def __init__(
        self,
        order: int,
        pseudocount: float = 1.0,
        interpolated: bool = False,
        strength: float = 100.0,
        both_strands: bool = False,
        letter_ids: Sequence[int] | np.ndarray = (0, 1, 2, 3),
    ) -> None:
        if not 0 <= order <= 12:
            raise BadInput(f"order: expected 0 to 12, got {order}. Order 12 already has 4**13 = 67 million counts.")
        if not pseudocount > 0 or not strength > 0:
            raise BadInput(f"pseudocount and strength: expected more than 0, got {pseudocount} and {strength}.")
        self.order, self.pseudocount, self.strength = order, pseudocount, strength
        self.interpolated, self.both_strands, self.letter_ids = interpolated, both_strands, letter_ids
        self.counts: list[np.ndarray] = []
        self._log: list[np.ndarray] = []

    def __repr__(self) -> str:
        kind = "interpolated" if self.interpolated else "plain"
        return f"MarkovModel(order={self.order}, {kind}, {'both strands' if self.both_strands else 'one strand'})"

    def fit(self, sequences: Sequence[str | np.ndarray]) -> "MarkovModel":
        """Count bases by context.

        Parameters
        ----------
        sequences
            Strings, or id arrays (see `letter_ids`), of any lengths.

        Returns
        -------
        MarkovModel
            The same model, fitted.

        Raises
        ------
        BadInput
            No A, C, G or T in the sequences.
        """
        codes, _ = join_codes(sequences, self.letter_ids)
        ends = [np.zeros(4 ** (j + 1), dtype=np.int64) for j in range(self.order + 1)]
        self._count(codes, ends)
        if self.both_strands:
            self._count(np.where(codes == UNKNOWN, UNKNOWN, 3 - codes)[::-1].astype(np.uint8), ends)
        for j in range(self.order, 0, -1):  # an observation of a longer context is one of the shorter contexts too
            ends[j - 1] += ends[j].reshape(4, -1).sum(0)
        self.counts = [table.reshape(-1, 4) for table in ends]
        if self.counts[0].sum() == 0:
            raise BadInput(f"{len(sequences)} sequences have no A, C, G or T to count. Are letter_ids those of your tokenizer?")
        self._log = self._tables()
        return self

    def _count(self, codes: np.ndarray, ends: list[np.ndarray]) -> None:
        """Add each base to the table of its longest known context."""
        k = self.order
        for first in range(0, len(codes), _CHUNK):
            start = max(0, first - k)
            piece = codes[start : first + _CHUNK]
            context = known_run(piece, k + 1)[first - start :] - 1
            words = kmer_codes(piece, k + 1)[first - start :]
            for j in range(k + 1):
                here = words[context == j] & (4 ** (j + 1) - 1)
                if len(here):
                    ends[j] += np.bincount(here, minlength=4 ** (j + 1))

    def _tables(self) -> list[np.ndarray]:
        """Log-probability of each word's last base given the rest, float32 (4**(j+1),) for every context length j."""
        tables: list[np.ndarray] = []
        lower = np.full((1, 4), 0.25)
        for j, counts in enumerate(self.counts):
            weight = 4 * self.pseudocount if j == 0 or not self.interpolated else self.strength
            prior = np.tile(lower, (4, 1)) if j and self.interpolated else np.full((1, 4), 0.25)
            lower = (counts + weight * prior) / (counts.sum(1, keepdims=True) + weight)
            tables.append(np.log(lower).astype(np.float32).ravel())
        return tables

    def position_log_likelihood(self, sequence: str | np.ndarray) -> np.ndarray:
        """Log-probability of every base given the preceding ones.

        Parameters
        ----------
        sequence
            String or integer ids.

        Returns
        -------
        float64 array (length,)
            Nats; NaN at a letter that is not A, C, G or T.
        """
        return self._positions(join_codes([sequence], self.letter_ids)[0])[:-1]

    def _positions(self, codes: np.ndarray) -> np.ndarray:
        check_fitted(self, self._log or None)
        k, result = self.order, np.full(len(codes), np.nan)
        for first in range(0, len(codes), _CHUNK):
            start = max(0, first - k)
            piece = codes[start : first + _CHUNK]
            context = known_run(piece, k + 1)[first - start :] - 1
            words = kmer_codes(piece, k + 1)[first - start :]
            part = result[first : first + _CHUNK]
            for j, table in enumerate(self._log):
                here = context == j
                part[here] = table[words[here] & (4 ** (j + 1) - 1)]
        return result

    def _two_sided(self, codes: np.ndarray) -> np.ndarray:
        """Log-probability of each base given all others, from its own factor and those of the k bases after it."""
        k = self.order
        context, words = known_run(codes, k + 1) - 1, kmer_codes(codes, k + 1)
        known = codes != UNKNOWN
        total = np.zeros((4, len(codes)))
        for ahead in range(k + 1):
            if ahead >= len(codes):
                break
            reader, word = context[ahead:], words[ahead:]
            rest = word - (np.where(known, codes, 0).astype(np.int32)[: len(word)] << (2 * ahead))
            for letter in range(4):
                changed = rest + (letter << (2 * ahead))
                for j in range(ahead, k + 1):
                    here = (reader == j) & known[: len(word)]
                    total[letter, : len(word)][here] += self._log[j][changed[here] & (4 ** (j + 1) - 1)]
        chosen = total[np.where(known, codes, 0), np.arange(len(codes))]
        return np.where(known, chosen - np.logaddexp.reduce(total, axis=0), np.nan)

    def log_likelihood(self, sequence: str | np.ndarray) -> float:
        """Log-probability of a sequence, in nats, summed over its known bases.

        Parameters
        ----------
        sequence
            String or integer ids.

        Returns
        -------
        float
            Nats; 0 for a sequence without a known base.
        """
        return float(np.nansum(self.position_log_likelihood(sequence)))

    def log_likelihoods(self, sequences: Sequence[str | np.ndarray], two_sided: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Log-probability and number of known bases of each sequence.

        Parameters
        ----------
        sequences
            Strings or id arrays.
        two_sided
            Predict each base from both sides, as in :meth:`bits_per_base`.

        Returns
        -------
        nats : float64 array (n,)
            Log-probabilities summed over known bases.
        bases : int64 array (n,)
            Numbers of known bases.
        """
        codes, starts = join_codes(sequences, self.letter_ids)
        if not two_sided:
            nats = np.nan_to_num(self._positions(codes))
        else:
            nats = np.concatenate([np.nan_to_num(self._two_sided(codes[a:b])) for a, b in _spans(starts)])
        return np.add.reduceat(nats, starts[:-1]), np.add.reduceat((codes != UNKNOWN).astype(np.int64), starts[:-1])

    def bits_per_base(
        self,
        sequences: Sequence[str | np.ndarray],
        groups: Sequence[object] | None = None,
        draws: int = 1000,
        seed: int = 0,
        two_sided: bool = False,
    ) -> Estimate:
        """Bits per known base over all sequences, with an interval over groups; 2 for equally probable bases.

        Parameters
        ----------
        sequences
            Held-out strings or id arrays.
        groups
            Unit of independence of each sequence; None if sequences are independent.
        draws, seed
            Number of draws, and seed of the bootstrap.
        two_sided
            Predict each base from all others, left and right: the same chain's p(base | rest), proportional to the product of
            the base's own factor and the factors of the k bases after it. This is the reference for a *masked* model's
            pseudo-likelihood, which conditions on both sides; the one-sided value is that for a causal model.

        Returns
        -------
        Estimate
            Bits per base.
        """
        nats, bases = self.log_likelihoods(sequences, two_sided)
        return ratio(-nats / np.log(2), bases, groups, draws, seed)


def _spans(starts: np.ndarray) -> list[tuple[int, int]]:
    """Runs of whole sequences, each of about one chunk."""
    cuts = [0]
    for start in starts[1:].tolist():
        if start - cuts[-1] >= _CHUNK or start == starts[-1]:
            cuts.append(start)
    return list(pairwise(cuts))
