"""Classification of sequences or cells."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.models.heads import SequenceClassifier
from glmkit.train.objectives.base import Examples, Loss, Objective, as_tensors, check_count, cross_entropy
from glmkit.train.objectives.batches import Batch


class Classification(Objective):
    """Objective of classifiers: cross-entropy of one class per item.

    Parameters
    ----------
    labels
        Class of each item of the corpus, int64 (n,), from 0.
    class_weights
        Weight of each class in the loss, (classes,); None for 1.
    reverse_complement
        Whether to read each sequence on a random strand; only for labels that are valid on both.

    Raises
    ------
    BadInput
        Labels that are not integers from 0, or a negative weight.

    Examples
    --------
    >>> from glmkit.data.corpora import EncodedWindows
    >>> from glmkit.models import TransformerConfig, new_classifier, new_model
    >>> from glmkit.tokens import make_tokenizer
    >>> from glmkit.train import Classification, TrainConfig, fit
    >>> config = TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2, feedforward=8)
    >>> classifier = new_classifier(new_model(config, make_tokenizer("base")), classes=("background", "promoter"))
    >>> corpus = EncodedWindows(["ACGTTGCA", "TATAATGC"], classifier.tokenizer)
    >>> fit(classifier, corpus, Classification([0, 1]), TrainConfig(steps=2, device="cpu")).steps
    2
    """

    name = "classification"

    def __init__(
        self, labels: np.ndarray, class_weights: Sequence[float] | None = None, *, reverse_complement: bool = False
    ) -> None:
        self.labels = np.asarray(labels)
        if self.labels.ndim != 1 or self.labels.dtype.kind not in "iu" or (len(self.labels) and self.labels.min() < 0):
            raise BadInput(
                f"Labels must be whole numbers from 0, one per item, got {self.labels.dtype} of shape {self.labels.shape}."
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
        """Raise BadInput if labels, corpus and classifier do not match.

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
            raise BadInput(
                f"Labels must be 0 to {len(classes) - 1}, as the classifier has {len(classes)} classes; got {self.labels.max()}."
            )
        if self.class_weights is not None and len(self.class_weights) != len(classes):
            raise BadInput(f"There are {len(self.class_weights)} class weights for {len(classes)} classes.")

    def prepare(self, model: Any, batch: Batch, rng: np.random.Generator) -> Examples:
        """Choose strands and select the labels.

        Parameters
        ----------
        model
            Model with a tokenizer.
        batch
            Batch of packed items.
        rng
            Random generator of strands.

        Returns
        -------
        Examples
            Examples scored by sequence.
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
            Examples from `prepare`.

        Returns
        -------
        Loss
            Sum over sequences, weighted by class.
        """
        return cross_entropy(model(*as_tensors(examples, model)), examples, model.training)
