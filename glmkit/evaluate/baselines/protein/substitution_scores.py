"""Mutation scores without training: a substitution matrix, and the letters of homologues at the same position.

They are the references for the zero-shot scores of a protein language model. BLOSUM62 has the residues that replace each other in
proteins in general. The site-independent model has those that occur at this position of this family, if there are homologues. Neither
includes interactions between positions, so scores of several mutations add up.

References
----------
Henikoff S, Henikoff JG (1992). Amino acid substitution matrices from protein blocks. PNAS 89, 10915-10919. Hopf TA et al. (2017).
Mutation effects predicted from sequence co-variation. Nature Biotechnology 35, 128-135: the site-independent model as a baseline.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from glmkit.bio import PROTEIN, Mutation, check_mutations, parse_mutations
from glmkit.errors import BadInput
from glmkit.evaluate.baselines.dna.pwm import composition_of, log_profile
from glmkit.evaluate.baselines.protein.msa import GAP, Aligner, align, check_alignment, column_codes, is_aligned
from glmkit.evaluate.baselines.protein.nearest_blast import check_alphabet
from glmkit.evaluate.metrics.registry import Kind
from glmkit.programs import SECONDS

Mutant = str | Mutation | Sequence[Mutation]
_LETTERS = PROTEIN.letters


def site_independent(
    homologues: Sequence[str],
    wild_type: str,
    mutations: Sequence[Mutant],
    *,
    program: Aligner = "clustalo",
    pseudo_count: float | None = None,
    weighted: bool = True,
    threads: int = 1,
    seconds: float = SECONDS,
) -> pd.DataFrame:
    """Log-odds of mutant against wild-type residues in the columns of an alignment of homologues.

    Parameters
    ----------
    homologues
        Proteins of the family: rows of an alignment (one length, ``-`` for gaps), or sequences of any lengths, which are first aligned
        together with the wild type. An alignment needs the wild type among its rows, unless it has no gaps.
    wild_type
        Protein whose positions the mutations refer to.
    mutations
        Mutants: each a text such as ``A123V`` or ``A123V:G45D`` (residues count from 1), a Mutation, or a list of the mutations of one
        mutant. Substitutions only.
    program
        ``"clustalo"`` or ``"mafft"``.
    pseudo_count
        Weight of the alignment's composition in each column, in sequences, above 0; None for the square root of their number.
    weighted
        Weigh homologues by position, so that near copies do not outweigh the others.
    threads, seconds
        Number of processor threads, and time limit of the program in seconds.

    Returns
    -------
    pandas.DataFrame
        One row for each mutant, in the order given: ``mutation``, ``score`` (float64, nats, summed over its positions), ``method``,
        ``n_sites`` and ``homologues`` (number of those with a letter, at the position with the fewest).

    Raises
    ------
    BadInput, ResourceError
        A mutation that cannot be read, is no substitution, or whose wild type differs; or as for :func:`glmkit.evaluate.baselines.protein.align`.
    """
    check_alphabet("wild_type", [wild_type], "protein")
    wild_type = wild_type.upper()
    mutants = _read_mutants(wild_type, mutations)
    own, rows = _aligned(homologues, wild_type, program, threads, seconds)
    codes = column_codes(rows)
    profile = log_profile(codes, len(_LETTERS), composition_of(codes, len(_LETTERS)), pseudo_count, weighted)
    column = [i for i, letter in enumerate(own) if letter != GAP]
    known = (codes < len(_LETTERS)).sum(0)[column]
    odds = profile[column]
    scores = [
        sum(odds[m.start, _LETTERS.index(m.new)] - odds[m.start, _LETTERS.index(wild_type[m.start])] for m in mutant)
        for mutant in mutants
    ]
    table = _table(mutants, scores, "site-independent")
    table["homologues"] = np.array([min(known[m.start] for m in mutant) for mutant in mutants], np.int64)
    return table


class Blosum62:
    """Sum of BLOSUM62 differences between mutant and wild-type residues, a baseline without training.

    Parameters
    ----------
    wild_type
        Protein that mutants are compared with; None for the most frequent residue of each position in training.
    kind
        ``"regression"``: the score is in BLOSUM's half-bits, not in the units of the labels, so only its ranking is meaningful.
        ``"classification"``: the logistic function of the score minus its median in training.

    Examples
    --------
    >>> from glmkit.evaluate.baselines.protein import Blosum62
    >>> Blosum62("MKLV").score(["MKLV", "MRLV", "MWLV"])
    array([ 0., -3., -8.])
    """

    name = "BLOSUM62"
    description = "sum over mutated sites of BLOSUM62 (wild type, mutant) - (wild type, wild type); nothing is learnt"
    random = False

    def __init__(self, wild_type: str | None = None, kind: Kind = "regression") -> None:
        if wild_type is not None:
            check_alphabet("wild_type", [wild_type], "protein")
        self.wild_type, self.kind = wild_type and wild_type.upper(), kind
        self._own, self._centre = self.wild_type, 0.0

    def fit(self, sequences: Sequence[str], labels: np.ndarray, seed: int = 0) -> "Blosum62":
        """Take the consensus as the wild type if none was given; labels and seed are not used."""
        if self.wild_type is None:
            check_alignment(sequences)
            codes = column_codes(sequences)
            counts = np.apply_along_axis(np.bincount, 0, codes, minlength=len(_LETTERS) + 1)[: len(_LETTERS)]
            self._own = "".join(_LETTERS[i] for i in counts.argmax(0))
        if self.kind == "classification":
            self._centre = float(np.median(self._sums(sequences)))
        return self

    def score(self, sequences: Sequence[str]) -> np.ndarray:
        """Scores of mutants, float64 (n,): 0 for the wild type, or values in [0, 1] for classification."""
        sums = self._sums(sequences)
        return 1 / (1 + np.exp(self._centre - sums)) if self.kind == "classification" else sums

    def mutations(self, mutations: Sequence[Mutant]) -> pd.DataFrame:
        """Scores of mutations by name.

        Parameters
        ----------
        mutations
            As for :func:`site_independent`.

        Returns
        -------
        pandas.DataFrame
            One row for each mutant: ``mutation``, ``score`` (half-bits), ``method`` and ``n_sites``.

        Raises
        ------
        BadInput
            As for :func:`site_independent`, or no wild type.
        """
        own, matrix = self._wild(), _matrix()
        mutants = _read_mutants(own, mutations)
        scores = [
            sum(
                matrix[_LETTERS.index(own[m.start]), _LETTERS.index(m.new)] - matrix[(_LETTERS.index(own[m.start]),) * 2]
                for m in mutant
            )
            for mutant in mutants
        ]
        return _table(mutants, scores, self.name)

    def _wild(self) -> str:
        if self._own is None:
            raise BadInput(f"{self.name} has no wild type. Give wild_type=, or call fit(sequences, labels, seed) first.")
        return self._own

    def _sums(self, sequences: Sequence[str]) -> np.ndarray:
        own, matrix = self._wild(), _matrix()
        check_alphabet("mutants", sequences, "protein")
        if odd := next((i for i, s in enumerate(sequences) if len(s) != len(own)), None):
            raise BadInput(
                f"{self.name}: expected mutants as long as the wild type ({len(own)} residues), but mutant {odd} has "
                f"{len(sequences[odd])}. It scores substitutions only."
            )
        wild, found = column_codes([own])[0], column_codes(sequences)
        unknown = len(_LETTERS)
        padded = np.pad(matrix, (0, 1))
        differ = (found != wild) & (found != unknown) & (wild != unknown)
        return ((padded[wild, found] - padded[wild, wild]) * differ).sum(1)


def _matrix() -> np.ndarray:
    """BLOSUM62, float64 (20, 20), in the order of the alphabet's letters."""
    from Bio.Align import substitution_matrices

    matrix = substitution_matrices.load("BLOSUM62")
    return np.array([[matrix[a, b] for b in _LETTERS] for a in _LETTERS], dtype=np.float64)


def _read_mutants(wild_type: str, mutations: Sequence[Mutant]) -> list[list[Mutation]]:
    """Mutations of each mutant, checked against the wild type."""
    if isinstance(mutations, str | Mutation):
        raise BadInput(f"mutations: expected a list, one entry a mutant, got {mutations!r:.60}. Put it in a list.")
    mutants = [parse_mutations(m) if isinstance(m, str) else [m] if isinstance(m, Mutation) else list(m) for m in mutations]
    for mutant in mutants:
        check_mutations(wild_type, mutant)
        text = ":".join(map(str, mutant))
        if not mutant or not all(m.is_substitution for m in mutant) or len({m.start for m in mutant}) < len(mutant):
            raise BadInput(f"{text or 'An empty mutant'}: expected substitutions at different positions, such as 'A123V:G45D'.")
        if odd := [m for m in mutant if not {m.new, wild_type[m.start]} <= set(_LETTERS)]:
            raise BadInput(f"{odd[0]}: expected two of the 20 amino acids, {_LETTERS}.")
    return mutants


def _aligned(homologues: Sequence[str], wild_type: str, program: Aligner, threads: int, seconds: float) -> tuple[str, list[str]]:
    """The row of the wild type, and all rows including it."""
    if not is_aligned(homologues):
        check_alphabet("homologues", homologues, "protein")
        whole = list(dict.fromkeys([wild_type, *(sequence.upper() for sequence in homologues)]))
        rows = align(whole, program, threads=threads, seconds=seconds)
        return rows[0], rows
    check_alignment(homologues)
    rows = [row.upper() for row in homologues]
    if own := next((row for row in rows if row.replace(GAP, "") == wild_type), ""):
        return own, rows
    if len(wild_type) == len(rows[0]) and not any(GAP in row for row in rows):
        return wild_type, [wild_type, *rows]
    raise BadInput(
        f"homologues: they are aligned ({len(rows)} rows of {len(rows[0])} columns), but no row is the wild type ({len(wild_type)} "
        "residues). Add its row, or give the sequences without gaps, which are then aligned together with it."
    )


def _table(mutants: list[list[Mutation]], scores: Sequence[float], method: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "mutation": [":".join(map(str, mutant)) for mutant in mutants],
            "score": np.array(scores, np.float64),
            "method": method,
            "n_sites": np.array([len(mutant) for mutant in mutants], np.int64),
        }
    )
