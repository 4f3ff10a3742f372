"""Integrated gradients: the score is shared out among the letters by the gradient along the way from a baseline.

The gradient at the sequence itself can be flat where a letter already decides; on the way from "nothing known" to the sequence
it is not. The mean gradient along that way, times the way, sums to the score less the baseline's score, and how nearly it does
says whether there were steps enough (:attr:`Explanation.gap`). One gradient a step is paid, whatever the length: for a protein of 300
residues some hundred times fewer passes than mutagenesis. The trade-off: the answer depends on the baseline, so say which.

References
----------
Sundararajan M, Taly A, Yan Q (2017). Axiomatic attribution for deep networks. ICML. arXiv:1703.01365.
Erion G et al. (2021). Improving performance of deep learning models with axiomatic attribution priors and expected gradients.
Nature Machine Intelligence 3, 620-631 (averages over a background).
Majdandzic A et al. (2023). Correcting gradient-based interpretations of deep neural networks for genomics. Genome Biology 24, 109
(letters against the mean of the alphabet).
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from glmkit.errors import BadInput
from glmkit.interpret.attribution.explanation import Explanation
from glmkit.interpret.attribution.target import letters_of
from glmkit.score.windows import encode

if TYPE_CHECKING:
    from glmkit.interpret.attribution.embedding_path import Traced

Rule = Literal["gausslegendre", "riemann_trapezoid"]
BATCH_TOKENS = 4096


def integrated_gradients(
    model: Any,
    sequences: Sequence[str | np.ndarray] | Any,
    *,
    target: int | None = None,
    baseline: str | np.ndarray | Sequence[str] = "mask",
    steps: int = 50,
    method: Rule = "gausslegendre",
    batch_tokens: int = BATCH_TOKENS,
) -> Explanation:
    """Integrated gradients of each letter, with the completeness gap.

    Parameters
    ----------
    model
        A Classifier, followed by the log-odds of class `target`, or a Regressor; it is left as it was.
    sequences
        Of any lengths; or arrays of ids, or cells, as for :func:`glmkit.score.embed`.
    target
        Class or output to follow; None for class 1, or output 0.
    baseline
        What "nothing known" is at every letter: ``mask``, ``uniform`` (the mean of the letters), ``pad``, a point of the
        embedding, (width,), or a list of sequences as long as those explained, over which the result is averaged (each costs
        as much as one baseline). Special tokens around a sequence stay as they are.
    steps
        Points of the way at which the gradient is taken.
    method
        How they are chosen and weighed: ``gausslegendre`` is exact for polynomials of degree ``2 * steps - 1``,
        ``riemann_trapezoid`` spaces them evenly.
    batch_tokens
        Tokens of a pass: memory against speed, never the result.

    Returns
    -------
    Explanation
        ``values`` (n, longest), one a token; ``letters`` (n, longest, letters) where a token is a letter; ``gap`` (n,).

    Raises
    ------
    BadInput
        No classifier or regressor, a class or output it lacks, no input, an unknown baseline or rule, or too few steps.
    """
    from glmkit.interpret.attribution.embedding_path import background_points, baseline_vector, walk

    nodes, weights = rule(method, steps)
    ids = encode(model, sequences)
    if not ids:
        raise BadInput("sequences: expected at least one, got none.")
    if isinstance(baseline, str | np.ndarray):
        points = [baseline_vector(model, baseline)]
        named = baseline if isinstance(baseline, str) else "given"
    else:
        points = background_points(model, baseline, [len(item) for item in ids])
        named = f"mean over {len(points)} sequences"
    text = f"Integrated gradients ({steps} steps, {method}, baseline {named})"
    found = [explained(model, ids, walk(model, ids, nodes, weights, target, p, batch_tokens), p, text) for p in points]
    return found[0] if len(found) == 1 else _averaged(found)


def rule(method: str, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of an integral from 0 to 1.

    Parameters
    ----------
    method
        ``gausslegendre`` or ``riemann_trapezoid``.
    steps
        Points; 2 or more for the trapezoid, 1 or more otherwise.

    Returns
    -------
    tuple of numpy.ndarray
        Two float64 (steps,); the weights sum to 1. (captum divides the trapezoid by the number of points, not of intervals, so
        its attributions are smaller by a share of ``1 / steps``.)

    Raises
    ------
    BadInput
        An unknown rule, or too few steps.
    """
    if method not in get_args(Rule):
        raise BadInput(f"method must be one of {', '.join(get_args(Rule))}, got {method!r}.")
    least = 2 if method == "riemann_trapezoid" else 1
    if steps < least:
        raise BadInput(f"steps: {method} needs {least} or more, got {steps}.")
    if method == "gausslegendre":
        nodes, weights = np.polynomial.legendre.leggauss(steps)
        return (1 + nodes) / 2, weights / 2
    weights = np.full(steps, 1 / (steps - 1))
    weights[[0, -1]] /= 2
    return np.linspace(0, 1, steps), weights


def explained(model: Any, ids: Sequence[np.ndarray], walked: "Iterable[Traced]", point: Any, method: str) -> Explanation:
    """Gather what walks gave into one result.

    Parameters
    ----------
    model
        Whose walks they were.
    ids
        Arrays (length,).
    walked
        From :func:`glmkit.interpret.attribution.embedding_path.walk`.
    point
        torch.Tensor (width,) or (length, width): the baseline.
    method
        Name of the method.

    Returns
    -------
    Explanation
        Values a token, and letters where a token is a letter.
    """
    alphabet = letters_of(model.tokenizer)
    longest = max(map(len, ids))
    values = np.full((len(ids), longest), np.nan, np.float32)
    letters = np.full((len(ids), longest, len(alphabet)), np.nan, np.float32) if alphabet else None
    score, base = np.zeros(len(ids)), np.zeros(len(ids))
    rows = [model.tokenizer.vocabulary.index(letter) for letter in alphabet]
    ends = model.network.embedding.weight.detach()[rows].float() if alphabet else None
    for item, gradient, moved, at_input, at_baseline in walked:
        length = len(ids[item])
        values[item, :length] = (gradient * moved).sum(1).cpu().numpy()
        if letters is not None and ends is not None:
            letters[item, :length] = (gradient @ ends.T - (gradient * point).sum(1, keepdim=True)).cpu().numpy()
        score[item], base[item] = at_input, at_baseline
    return Explanation(values=values, score=score, base=base, method=method, letters=letters, alphabet=alphabet)


def _averaged(found: list[Explanation]) -> Explanation:
    """The mean of explanations of the same inputs against several baselines."""
    first = found[0]
    letters = None if first.letters is None else np.mean([each.letters for each in found if each.letters is not None], axis=0)
    return Explanation(
        values=np.mean([each.values for each in found], axis=0),
        score=first.score,
        base=np.mean([each.base for each in found], axis=0),
        method=first.method,
        letters=letters,
        alphabet=first.alphabet,
    )
