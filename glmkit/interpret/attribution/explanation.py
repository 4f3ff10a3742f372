"""Result of an attribution method: contribution of every position, and the unexplained part of the score.

Attribution methods assert that the contributions sum to the score of the sequence minus that of the baseline ("completeness", or
"efficiency"). A remaining gap is an error of the method (such as too few steps), so the result includes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glmkit.errors import BadInput


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation:  # numpydoc ignore=PR02
    """Contribution of each position of n inputs, in the units of the score.

    Parameters
    ----------
    values
        Contribution of each token (letter, feature), float32 (n, longest); NaN beyond the end of an input.
    score, base
        Score of each input and of its baseline, float64 (n,).
    method
        Name of the method, with its main settings.
    letters
        Contribution of each letter of the alphabet at each position by the same gradient, float32 (n, longest, letters). These
        are hypothetical (approximate) for letters other than the one in the input. None if the method does not give them.
    alphabet
        Letters of the last axis of `letters`, in order.

    Raises
    ------
    BadInput
        Shapes that do not match.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.interpret import Explanation
    >>> found = Explanation(values=np.array([[0.5, 1.5]]), score=np.array([3.0]), base=np.array([0.5]), method="example")
    >>> found.gap.tolist()
    [0.5]
    """

    values: np.ndarray
    score: np.ndarray
    base: np.ndarray
    method: str
    letters: np.ndarray | None = None
    alphabet: str = ""

    def __post_init__(self) -> None:
        n = len(self.values)
        if self.values.ndim != 2 or np.shape(self.score) != (n,) or np.shape(self.base) != (n,):
            shapes = f"{np.shape(self.values)}, {np.shape(self.score)} and {np.shape(self.base)}"
            raise BadInput(f"Explanation: expected values (n, length), score (n,) and base (n,), got {shapes}.")
        if self.letters is not None and self.letters.shape != (*self.values.shape, len(self.alphabet)):
            expected = (*self.values.shape, len(self.alphabet))
            raise BadInput(f"letters: expected {expected} for the alphabet {self.alphabet!r}, got {self.letters.shape}.")

    @property
    def gap(self) -> np.ndarray:
        """Completeness gap, float64 (n,): score minus base minus the sum of the values."""
        return self.score - self.base - np.nansum(self.values, axis=1, dtype=np.float64)

    @classmethod
    def joined(cls, parts: "Sequence[Explanation]") -> "Explanation":
        """Explanations of several sets of inputs of one length as one; contributions by letter are left out.

        Parameters
        ----------
        parts
            Explanations by one method, with the same number of positions.

        Returns
        -------
        Explanation
            The inputs of all parts, in order.

        Examples
        --------
        >>> one = Explanation(values=np.ones((2, 3)), score=np.ones(2), base=np.zeros(2), method="occlusion")
        >>> Explanation.joined([one, one]).values.shape
        (4, 3)
        """
        if not parts or len({part.values.shape[1] for part in parts}) > 1:
            widths = ", ".join(str(part.values.shape[1]) for part in parts)
            raise BadInput(f"parts: expected explanations with the same number of positions, got {widths or 'none'}.")
        values, score, base = (np.concatenate([getattr(part, name) for part in parts]) for name in ("values", "score", "base"))
        return cls(values=values, score=score, base=base, method=parts[0].method)

    def __str__(self) -> str:
        difference, gap = np.abs(self.score - self.base), np.abs(self.gap)
        share = f" ({gap.sum() / difference.sum():.2%} of it)" if difference.sum() > 0 else ""
        return (
            f"{self.method}: {len(self.values)} inputs of up to {self.values.shape[1]} positions. Score minus baseline: "
            f"{difference.mean():.4g} on average; unexplained: {gap.mean():.2g}{share}, at most {gap.max():.2g}."
        )
