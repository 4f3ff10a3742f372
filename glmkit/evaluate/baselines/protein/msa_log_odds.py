"""Classification of homologues column by column: alignment, letter counts, sums of log-odds.

This is the classical method for subfamilies, binding sites and promoters. For sequences that align well it is a strong baseline with few
labels. It presupposes homology (or windows cut around a site): columns of an alignment of unrelated proteins have no meaning.

Columns are taken as independent (naive Bayes), so the scores rank well but are overconfident. For measured values the columns enter a
ridge regression instead.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import softmax
from sklearn.linear_model import RidgeCV
from threadpoolctl import threadpool_limits

from glmkit.bio import alphabet as find_alphabet
from glmkit.errors import BadInput
from glmkit.evaluate.baselines.dna.pwm import composition_of, log_profile, score_rows
from glmkit.evaluate.baselines.dna.standard import PositionWeights
from glmkit.evaluate.baselines.protein.msa import GAP, Aligner, add_to_alignment, align, check_alignment, column_codes, is_aligned
from glmkit.evaluate.baselines.protein.nearest_blast import AlphabetName
from glmkit.evaluate.method import Method, check_fitted
from glmkit.evaluate.metrics.multiclass import check_multiclass
from glmkit.evaluate.metrics.registry import Kind, check_values
from glmkit.programs import SECONDS

_KINDS = ("classification", "regression", "multiclass")
_ALPHAS = tuple(float(alpha) for alpha in np.logspace(-2, 5, 15))


class AlignmentColumns:
    """Position weight matrices of the classes on an alignment of the training sequences; ridge regression for measured values.

    Sequences of one length (mutants, windows, rows of an alignment) are taken as aligned. Others are aligned by a program, and test
    sequences are placed into that alignment one by one. A gap counts as a missing letter.

    Parameters
    ----------
    kind
        ``"classification"``, ``"regression"`` or ``"multiclass"``.
    alphabet
        ``"protein"`` or ``"dna"``.
    program
        ``"clustalo"`` or ``"mafft"``, for sequences that are not aligned.
    pseudo_count
        Weight of the alignment's composition in each column, in sequences, above 0; None for the square root of the class size.
    weighted
        Weigh sequences by position, so that near copies do not outweigh the others.
    threads
        Number of processor threads of the program.
    seconds
        Time limit of a call of the program in seconds.
    classes
        Number of classes, for ``"multiclass"``; None for the largest label in training plus one.
    """

    random = False

    def __init__(
        self,
        kind: Kind = "classification",
        alphabet: AlphabetName = "protein",
        *,
        program: Aligner = "clustalo",
        pseudo_count: float | None = None,
        weighted: bool = True,
        threads: int = 1,
        seconds: float = SECONDS,
        classes: int | None = None,
    ) -> None:
        if kind not in _KINDS:
            raise BadInput(f"kind: expected one of {', '.join(_KINDS)}, got {kind!r}.")
        self.kind, self.alphabet, self.program, self.classes = kind, alphabet, program, classes
        self.pseudo_count, self.weighted, self.threads, self.seconds = pseudo_count, weighted, threads, seconds
        self.name = "alignment columns"
        what = (
            "ridge regression on the letters" if kind == "regression" else "log-odds of position-weight profiles of the classes"
        )
        self.description = f"{what} in the columns of an alignment ({program} where lengths differ)"
        self._rows: list[str] = []

    def fit(self, sequences: Sequence[str], labels: np.ndarray, seed: int = 0) -> "AlignmentColumns":
        """Align the sequences and count their letters.

        Parameters
        ----------
        sequences
            Sequences, n.
        labels
            0 or 1, class numbers, or measured values, (n,).
        seed
            Not used.

        Returns
        -------
        AlignmentColumns
            The method itself, fitted.

        Raises
        ------
        BadInput
            Labels that do not fit, letters outside the alphabet, or a program that is not installed.
        ResourceError
            The program failed or took too long.
        """
        labels = np.asarray(labels)
        if len(labels) != len(sequences) or len(np.unique(labels)) < 2:
            raise BadInput(
                f"{self.name}: expected a label for each of {len(sequences)} sequences, of at least two values, got {len(labels)} "
                f"labels with values {np.unique(labels)[:5].tolist()}."
            )
        rows = sequences if is_aligned(sequences) else self._program(align, sequences)
        check_alignment(rows, self.alphabet)
        self._rows = list(rows)
        codes = column_codes(rows, self.alphabet)
        self._letters = len(find_alphabet(self.alphabet).letters)
        if self.kind == "regression":
            with threadpool_limits(1):
                self._ridge = RidgeCV(_ALPHAS).fit(self._one_hot(codes), check_values(labels))
            return self
        width = 2 if self.kind == "classification" else self.classes or int(labels.max()) + 1
        labels = check_multiclass(labels, width)
        background = composition_of(codes, self._letters)
        self._here = np.unique(labels)
        self._prior = np.log(np.bincount(labels, minlength=width)[self._here] / len(labels))
        self._width = width
        self._profiles = [
            log_profile(codes[labels == c], self._letters, background, self.pseudo_count, self.weighted) for c in self._here
        ]
        return self

    def score(self, sequences: Sequence[str]) -> np.ndarray:
        """One score for each sequence, float64 (n,), or (n, classes) for multiclass tasks."""
        check_fitted(self, self._rows or None)
        codes = column_codes(self.place(sequences), self.alphabet)
        if self.kind == "regression":
            return np.asarray(self._ridge.predict(self._one_hot(codes)), dtype=np.float64)
        scores = np.zeros((len(codes), self._width))
        scores[:, self._here] = softmax(np.column_stack([score_rows(codes, p) for p in self._profiles]) + self._prior, axis=1)
        return scores if self.kind == "multiclass" else scores[:, 1]

    def place(self, sequences: Sequence[str]) -> list[str]:
        """Rows of sequences in the columns of the training alignment.

        Parameters
        ----------
        sequences
            Sequences, n. One of the length of the alignment is taken as aligned, unless the alignment has gaps and the sequence none.

        Returns
        -------
        list of str
            Rows, n.
        """
        columns, gapped = len(self._rows[0]), any(GAP in row for row in self._rows)
        new = [i for i, s in enumerate(sequences) if len(s) != columns or (gapped and GAP not in s)]
        rows = list(sequences)
        if new:
            placed = self._program(add_to_alignment, self._rows, [sequences[i].replace(GAP, "") for i in new])
            for i, row in zip(new, placed, strict=True):
                rows[i] = row
        check_alignment(rows, self.alphabet)
        return rows

    def _program(self, function, *arguments) -> list[str]:
        return function(*arguments, self.program, alphabet=self.alphabet, threads=self.threads, seconds=self.seconds)

    def _one_hot(self, codes: np.ndarray) -> np.ndarray:
        return np.eye(self._letters + 1, self._letters, dtype=np.float32)[codes].reshape(len(codes), -1)


def pwm_baselines(alphabet: AlphabetName = "dna", kind: Kind = "classification", program: Aligner = "clustalo") -> list[Method]:
    """Position weight matrices: log-odds from an alignment, and for windows of DNA the logistic regression on one-hot bases.

    Parameters
    ----------
    alphabet
        ``"dna"`` or ``"protein"``.
    kind
        ``"classification"`` or ``"regression"``.
    program
        ``"clustalo"`` or ``"mafft"``, used only if lengths differ.

    Returns
    -------
    list of Method
        Unfitted baselines. The logistic regression needs windows of one length.

    Examples
    --------
    >>> from glmkit.evaluate.baselines import pwm_baselines
    >>> counted, regression = pwm_baselines("dna")
    >>> counted.fit(["ACGT", "ACGA", "TTTT", "TTTA"], [1, 1, 0, 0]).score(["ACGG", "TTTG"]).round(2)
    array([1.  , 0.01])
    """
    counted: list[Method] = [AlignmentColumns(kind, alphabet, program=program)]
    return [*counted, PositionWeights()] if alphabet == "dna" and kind == "classification" else counted
