"""Which number of a model an explanation follows, and over which letters.

A classifier is followed by the log-odds of one class against all others: a probability is squashed near 0 and 1, where everything
would look unimportant. A regressor is followed by one of its outputs, in the units of its targets.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from glmkit.errors import BadInput


def followed(model: Any, target: int | None = None) -> Callable[[Any], Any]:
    """What turns a model's outputs into the number that is explained.

    Parameters
    ----------
    model
        A Classifier or a Regressor.
    target
        Class whose log-odds, or output whose value, is followed; None for class 1, or output 0.

    Returns
    -------
    callable
        torch.Tensor (n, outputs) to (n,).

    Raises
    ------
    BadInput
        Neither a classifier nor a regressor, or a target that it lacks.
    """
    from glmkit.models.heads import Regressor, SequenceClassifier

    classes = model.classes if isinstance(model, SequenceClassifier) else None
    outputs = model.outputs if isinstance(model, Regressor) else None
    if classes is None and outputs is None:
        raise BadInput(
            f"Expected a Classifier or a Regressor, got a {type(model).__name__}. Fine-tune one: what is explained is the answer "
            "of a head."
        )
    number = (1 if classes is not None else 0) if target is None else target
    names = classes if classes is not None else outputs
    if not 0 <= number < len(names or ()):
        kind = "classifier" if classes is not None else "regressor"
        unit = "classes" if classes is not None else "outputs"
        raise BadInput(f"target: the {kind} has {len(names or ())} {unit}, from 0; got {number}.")

    def log_odds(logits: Any) -> Any:
        """Log-odds of the class against all others."""
        import torch

        others = torch.cat([logits[:, :number], logits[:, number + 1 :]], 1)
        return logits[:, number] - others.logsumexp(1)

    def value(predicted: Any) -> Any:
        """The output itself."""
        return predicted[:, number]

    return log_odds if classes is not None else value


def score_function(model: Any, target: int | None = None) -> Callable[[Sequence[Any]], np.ndarray]:
    """A model as a function of sequences, on the scale that explanations follow.

    Parameters
    ----------
    model
        A Classifier or a Regressor.
    target
        As in :func:`followed`.

    Returns
    -------
    callable
        n sequences, or arrays of ids, to float64 (n,).

    Raises
    ------
    BadInput
        As :func:`followed`.
    """
    import torch

    from glmkit.models.heads import Regressor
    from glmkit.score import class_logits, predicted_values

    read, predictions = followed(model, target), predicted_values if isinstance(model, Regressor) else class_logits

    def score(inputs: Sequence[Any]) -> np.ndarray:
        """The number followed, float64 (n,)."""
        return read(torch.from_numpy(predictions(model, inputs))).numpy()

    return score


def is_function(model: Any) -> bool:
    """Whether `model` is a scoring function of inputs; a head is callable too, but on packed ids."""
    from glmkit.models.heads import Head

    return callable(model) and not isinstance(model, Head)


def letters_of(tokenizer: Any) -> str:
    """The alphabet of a tokenizer with one token a letter: ``ACGT``, the 20 amino acids, or nothing for any other tokenizer."""
    maskable = [tokenizer.vocabulary[i] for i in np.flatnonzero(tokenizer.maskable)]
    if any(len(entry) != 1 for entry in maskable):
        return ""
    return "".join(sorted(maskable))
