"""The scalar score that an attribution method explains, and the alphabet of its substitutions.

The score of a classifier is the log-odds of one class against all others. A probability saturates near 0 and 1, where all effects
would appear small. The score of a regressor is one of its outputs, in the units of the targets.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from glmkit.errors import BadInput


def followed(model: Any, target: int | None = None) -> Callable[[Any], Any]:
    """Function from a model's outputs to the score that is explained.

    Parameters
    ----------
    model
        A Classifier or a Regressor.
    target
        Index of the class (log-odds) or output (value); None for class 1, or output 0.

    Returns
    -------
    callable
        Function from torch.Tensor (n, outputs) to (n,).

    Raises
    ------
    BadInput
        Neither a classifier nor a regressor, or a target that it lacks.
    """
    from glmkit.models.heads import SequenceClassifier, SequenceRegressor

    classes = model.classes if isinstance(model, SequenceClassifier) else None
    outputs = model.outputs if isinstance(model, SequenceRegressor) else None
    if classes is None and outputs is None:
        raise BadInput(
            f"Expected a Classifier or a Regressor, got a {type(model).__name__}. Attributions explain the output of a head: "
            "fine-tune a model with glmkit.models.new_classifier or new_regressor."
        )
    number = (1 if classes is not None else 0) if target is None else target
    names = classes if classes is not None else outputs
    if not 0 <= number < len(names or ()):
        kind = "classifier" if classes is not None else "regressor"
        unit = "classes" if classes is not None else "outputs"
        most = len(names or ())
        raise BadInput(f"target: expected 0 to {most - 1}, as the {kind} has {most} {unit}; got {number}.")

    def log_odds(logits: Any) -> Any:
        """Log-odds of the class against all others."""
        import torch

        others = torch.cat([logits[:, :number], logits[:, number + 1 :]], 1)
        return logits[:, number] - others.logsumexp(1)

    def value(predicted: Any) -> Any:
        """Value of the output."""
        return predicted[:, number]

    return log_odds if classes is not None else value


def score_function(model: Any, target: int | None = None) -> Callable[[Sequence[Any]], np.ndarray]:
    """A model as a scoring function of sequences.

    Parameters
    ----------
    model
        A Classifier or a Regressor.
    target
        As in :func:`followed`.

    Returns
    -------
    callable
        Function from n sequences, or arrays of ids, to scores, float64 (n,).

    Raises
    ------
    BadInput
        As in :func:`followed`.
    """
    import torch

    from glmkit.models.heads import SequenceRegressor
    from glmkit.score import class_logits, predicted_values

    read, predictions = followed(model, target), predicted_values if isinstance(model, SequenceRegressor) else class_logits

    def score(inputs: Sequence[Any]) -> np.ndarray:
        """Scores, float64 (n,)."""
        return read(torch.from_numpy(predictions(model, inputs))).numpy()

    return score


def is_function(model: Any) -> bool:
    """Whether `model` is a scoring function of inputs; a head is callable too, but on packed ids."""
    from glmkit.models.heads import Head

    return callable(model) and not isinstance(model, Head)


def letters_of(tokenizer: Any) -> str:
    """Alphabet of a tokenizer with one token per letter (``ACGT`` or the 20 amino acids); empty for any other tokenizer."""
    maskable = [tokenizer.vocabulary[i] for i in np.flatnonzero(tokenizer.maskable)]
    if any(len(entry) != 1 for entry in maskable):
        return ""
    return "".join(sorted(maskable))
