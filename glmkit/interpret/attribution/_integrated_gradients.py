"""Integrated gradients: attribution of the score to letters by the mean gradient along a path from a baseline.

The gradient at the sequence itself can vanish where the score is saturated; along the path from an uninformative baseline it does
not. The mean gradient along the path, times the displacement, sums to the score minus the baseline's score. The remaining gap
shows whether the number of steps was sufficient (:attr:`Explanation.gap`). The cost is one gradient per step, independent of the
length. For a protein of 300 residues that is about a hundred times fewer passes than mutagenesis. The result depends on the
baseline, so report it.

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
    from glmkit.models import Model

Rule = Literal["gausslegendre", "riemann_trapezoid"]
BATCH_TOKENS = 4096


def integrated_gradients(
    model: "Model",
    sequences: Sequence[str | np.ndarray] | Any,
    *,
    target: int | None = None,
    baseline: str | np.ndarray | Sequence[str] = "mask",
    steps: int = 50,
    method: Rule = "gausslegendre",
    batch_tokens: int = BATCH_TOKENS,
) -> Explanation:
    """Integrated gradients of each token, with the completeness gap.

    Parameters
    ----------
    model
        A Classifier, explained by the log-odds of class `target`, or a Regressor; it is not changed.
    sequences
        Sequences of any length; or arrays of ids, or cells, as for :func:`glmkit.score.embed`.
    target
        Index of the class or output to explain; None for class 1, or output 0.
    baseline
        Uninformative input at each position: ``mask``, ``uniform`` (the mean of the letters), ``pad``, or a point of the embedding
        space, (width,). A list of sequences as long as those explained gives the average over these baselines, each at the full
        cost. Special tokens around a sequence are not replaced.
    steps
        Number of points on the path at which the gradient is computed.
    method
        Quadrature rule: ``gausslegendre`` is exact for polynomials of degree ``2 * steps - 1``; ``riemann_trapezoid`` has evenly
        spaced points.
    batch_tokens
        Maximum number of tokens per pass; affects memory and speed, not the result.

    Returns
    -------
    Explanation
        ``values`` (n, longest), one per token; ``letters`` (n, longest, letters) if tokens are single letters; ``gap`` (n,).

    Raises
    ------
    BadInput
        A model that is no Classifier or Regressor, a target that it lacks, no input, an unknown baseline or rule, or too few
        steps.

    Examples
    --------
    >>> from glmkit.interpret import integrated_gradients
    >>> from glmkit.models import TransformerConfig, new_classifier, new_model
    >>> from glmkit.tokens import make_tokenizer
    >>> config = TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2, feedforward=8)
    >>> classifier = new_classifier(new_model(config, make_tokenizer("base")), classes=("background", "promoter"))
    >>> found = integrated_gradients(classifier, ["TATAAT", "GGCA"], baseline="uniform", steps=8)
    >>> found.values.shape, found.letters.shape
    ((2, 6), (2, 6, 4))
    >>> bool(abs(found.gap).max() < 1e-3)
    True
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
    """Nodes and weights of a quadrature rule on [0, 1].

    Parameters
    ----------
    method
        ``gausslegendre`` or ``riemann_trapezoid``.
    steps
        Number of nodes; 2 or more for the trapezoid rule, 1 or more otherwise.

    Returns
    -------
    tuple of numpy.ndarray
        Nodes and weights, float64 (steps,) each; the weights sum to 1. (captum divides the trapezoid rule by the number of
        points instead of intervals, so its attributions are smaller by a fraction of ``1 / steps``.)

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


def explained(model: "Model", ids: Sequence[np.ndarray], walked: "Iterable[Traced]", point: Any, method: str) -> Explanation:
    """Combine path gradients of several inputs into one result.

    Parameters
    ----------
    model
        Model whose gradients they are.
    ids
        Token ids of each input, (length,).
    walked
        Gradients from :func:`glmkit.interpret.attribution.embedding_path.walk`.
    point
        Baseline, torch.Tensor (width,) or (length, width).
    method
        Name of the method.

    Returns
    -------
    Explanation
        One value per token, and one per letter if tokens are single letters.
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
    """Mean of explanations of the same inputs over several baselines."""
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
