"""Gradient times input: one pass back and forth instead of one a substitution.

The first term of a Taylor series: what a letter would change if the score were a straight line from here to there. It is not, so this is an
approximation and its method says so; on networks that saturate it can be wrong in sign. It costs about three passes a sequence
where mutagenesis costs three a base, which makes it the screen before the exact answer, never the answer.

References
----------
Simonyan K, Vedaldi A, Zisserman A (2014). Deep inside convolutional networks. ICLR workshop. arXiv:1312.6034.
Majdandzic A et al. (2023). Correcting gradient-based interpretations of deep neural networks for genomics. Genome Biology 24, 109.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.interpret.attribution._integrated_gradients import BATCH_TOKENS, explained
from glmkit.interpret.attribution.explanation import Explanation
from glmkit.score.windows import encode


def gradient_times_input(
    model: Any,
    sequences: Sequence[str | np.ndarray] | Any,
    *,
    target: int | None = None,
    baseline: str | np.ndarray = "uniform",
    batch_tokens: int = BATCH_TOKENS,
) -> Explanation:
    """First-order worth of each letter, and of every letter that could stand there.

    Parameters
    ----------
    model
        A Classifier, followed by the log-odds of class `target`, or a Regressor; it is left as it was.
    sequences
        Of any lengths; or arrays of ids, or cells, as for :func:`glmkit.score.embed`.
    target
        Class or output to follow; None for class 1, or output 0.
    baseline
        Against what a letter is worth something, as in :func:`glmkit.interpret.integrated_gradients`; ``uniform`` compares it
        with the mean of the alphabet.
    batch_tokens
        Tokens of a pass: memory against speed, never the result.

    Returns
    -------
    Explanation
        ``letters[i, p, b] - letters[i, p, a]``, with `a` the letter that stands at p, approximates what :func:`mutagenesis`
        measures for `b`. Its ``gap`` says how far the score is from a straight line.

    Raises
    ------
    BadInput
        No classifier or regressor, a class or output it lacks, no input, or an unknown baseline.
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
