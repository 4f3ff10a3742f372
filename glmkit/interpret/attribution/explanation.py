"""What an explanation is: the worth of every position, and how much of the score it accounts for.

Methods that share a score out among the positions claim that the shares add up to it: to the score of the sequence less that of
the baseline ("completeness", or "efficiency"). What is left over is an error of the method (too few steps), so it stands in the
result and is printed with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glmkit.errors import BadInput


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation:  # numpydoc ignore=PR02
    """Worth of each position of n inputs, in the units of the score.

    Parameters
    ----------
    values
        float32 (n, longest): what each token (letter, feature) contributes; NaN beyond an input's end.
    score, base
        float64 (n,): the score of each input, and that of its baseline.
    method
        How it was made, with the settings that matter.
    letters
        float32 (n, longest, letters): what each letter of the alphabet would contribute at that place by the same gradient
        (hypothetical contributions, an approximation for letters that do not stand there); None where a method has none.
    alphabet
        The letters of `letters`, in order.

    Raises
    ------
    BadInput
        Shapes that do not belong together.
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
            raise BadInput(f"An explanation needs values (n, length), score (n,) and base (n,), got {shapes}.")
        if self.letters is not None and self.letters.shape != (*self.values.shape, len(self.alphabet)):
            expected = (*self.values.shape, len(self.alphabet))
            raise BadInput(f"letters: expected {expected} for the alphabet {self.alphabet!r}, got {self.letters.shape}.")

    @property
    def gap(self) -> np.ndarray:
        """Completeness gap, float64 (n,): what the values leave unexplained of the score less the base."""
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
        told, gap = np.abs(self.score - self.base), np.abs(self.gap)
        share = f" ({gap.sum() / told.sum():.2%} of it)" if told.sum() > 0 else ""
        return (
            f"{self.method}: {len(self.values)} inputs of up to {self.values.shape[1]} positions. Score less baseline: "
            f"{told.mean():.4g} on average; left unexplained: {gap.mean():.2g}{share}, at most {gap.max():.2g}."
        )
