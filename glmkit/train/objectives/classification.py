"""Telling the class of a sequence."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.models.heads import SequenceClassifier
from glmkit.train.objectives.base import Examples, Loss, Objective, as_tensors, check_count, cross_entropy
from glmkit.train.objectives.batches import Batch


class Classification(Objective):
    """Tell which class a sequence is of.

    Parameters
    ----------
    labels
        int64 (n,): class of each item of the corpus, from 0.
    class_weights
        (classes,): weight of each class in the loss, 1 if None.
    reverse_complement
        Read each sequence on a random strand: only for labels that hold on both.

    Raises
    ------
    BadInput
        Labels are not whole numbers from 0, or a weight is negative.
    """

    name = "classification"

    def __init__(
        self, labels: np.ndarray, class_weights: Sequence[float] | None = None, *, reverse_complement: bool = False
    ) -> None:
        self.labels = np.asarray(labels)
        if self.labels.ndim != 1 or self.labels.dtype.kind not in "iu" or (len(self.labels) and self.labels.min() < 0):
            raise BadInput(
                f"Labels must be whole numbers from 0, one an item, got {self.labels.dtype} of shape {self.labels.shape}."
            )
        self.class_weights = None if class_weights is None else np.asarray(class_weights, np.float32)
        if self.class_weights is not None and not (self.class_weights >= 0).all():
            raise BadInput(f"Class weights must be 0 or more, got {self.class_weights.tolist()}.")
        self.reverse_complement = reverse_complement

    def settings(self) -> dict[str, Any]:
        """Weights of the classes and strands."""
        weights = None if self.class_weights is None else self.class_weights.tolist()
        return {"class_weights": weights, "reverse_complement": self.reverse_complement}

    def arrays(self) -> dict[str, np.ndarray]:
        """The labels."""
        return {"labels": self.labels}

    def suits(self, model: Any, store: Any) -> None:
        """Raise BadInput if labels, corpus and classifier do not fit together.

        Parameters
        ----------
        model
            A Classifier.
        store
            The corpus.
        """
        if not isinstance(model, SequenceClassifier):
            raise BadInput(
                f"Classification needs a Classifier, got a {type(model).__name__}; make one with "
                "glmkit.models.new_classifier(model, classes)."
            )
        classes = model.classes
        check_count(len(self.labels), "labels", store)
        if self.labels.max() >= len(classes):
            raise BadInput(f"Label {self.labels.max()} was found, but the classifier has {len(classes)} classes, from 0.")
        if self.class_weights is not None and len(self.class_weights) != len(classes):
            raise BadInput(f"There are {len(self.class_weights)} class weights for {len(classes)} classes.")

    def prepare(self, model: Any, batch: Batch, rng: np.random.Generator) -> Examples:
        """Choose strands and look the labels up.

        Parameters
        ----------
        model
            Gives its tokenizer.
        batch
            Packed items.
        rng
            Decides strands.

        Returns
        -------
        Examples
            Scored by sequence.
        """
        batch = self.strands(model, batch, rng)
        labels = self.labels[batch.indices].astype(np.int64)
        weights = np.ones(len(labels), np.float32) if self.class_weights is None else self.class_weights[labels]
        return Examples(batch.tokens, batch.boundaries, labels, weights)

    def score(self, model: Any, examples: Examples) -> Loss:
        """Cross-entropy of the classes.

        Parameters
        ----------
        model
            A Classifier.
        examples
            From `prepare`.

        Returns
        -------
        Loss
            Summed over sequences, with their classes' weights.
        """
        return cross_entropy(model(*as_tensors(examples, model)), examples, model.training)
