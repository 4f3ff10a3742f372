"""Gradient times input: a first-order approximation of the effect of each letter, from one backward pass.

This is the first term of a Taylor series, which is exact only for a linear score. In networks that saturate, even the sign can be
wrong. The cost is about three passes per sequence, where mutagenesis needs three per base. Use it as a screen and confirm results
by mutagenesis.

References
----------
Simonyan K, Vedaldi A, Zisserman A (2014). Deep inside convolutional networks. ICLR workshop. arXiv:1312.6034.
Majdandzic A et al. (2023). Correcting gradient-based interpretations of deep neural networks for genomics. Genome Biology 24, 109.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.interpret.attribution._integrated_gradients import BATCH_TOKENS, explained
from glmkit.interpret.attribution.explanation import Explanation
from glmkit.score.windows import encode

if TYPE_CHECKING:
    from glmkit.models import Model


def gradient_times_input(
    model: "Model",
    sequences: Sequence[str | np.ndarray] | Any,
    *,
    target: int | None = None,
    baseline: str | np.ndarray = "uniform",
    batch_tokens: int = BATCH_TOKENS,
) -> Explanation:
    """First-order contribution of each letter, and of each alternative letter at its position.

    Parameters
    ----------
    model
        A Classifier, explained by the log-odds of class `target`, or a Regressor; it is not changed.
    sequences
        Sequences of any length; or arrays of ids, or cells, as for :func:`glmkit.score.embed`.
    target
        Index of the class or output to explain; None for class 1, or output 0.
    baseline
        Reference point of the contributions, as in :func:`glmkit.interpret.integrated_gradients`; ``uniform`` is the mean of the
        alphabet.
    batch_tokens
        Maximum number of tokens per pass; affects memory and speed, not the result.

    Returns
    -------
    Explanation
        ``letters[i, p, b] - letters[i, p, a]``, with `a` the letter at p, approximates the effect of `b` in :func:`mutagenesis`.
        Its ``gap`` is the deviation of the score from linearity.

    Raises
    ------
    BadInput
        A model that is no Classifier or Regressor, a target that it lacks, no input, or an unknown baseline.
    """
    from glmkit.interpret.attribution.embedding_path import baseline_vector, walk

    ids = encode(model, sequences)
    if not ids:
        raise BadInput("sequences: expected at least one, got none.")
    point = baseline_vector(model, baseline)
    here = np.ones(1)
    named = baseline if isinstance(baseline, str) else "given"
    text = f"Gradient times input (first-order approximation, against {named})"
    return explained(model, ids, walk(model, ids, here, here, target, point, batch_tokens), point, text)
