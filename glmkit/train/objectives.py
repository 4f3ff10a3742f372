"""What a model is trained to do: each objective turns a batch into a summed loss and the weight it was summed over.

Sums, not means: the loop divides by the weight of the whole effective batch, so that accumulating over several forward passes
gives the gradient of one large batch exactly, however the scored positions fall.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
import torch.nn.functional as F

from glmkit.data import mask_tokens
from glmkit.errors import BadInput
from glmkit.train.feed import Batch
from glmkit.train.strands import complement_table, random_strands


class Loss(NamedTuple):
    """A loss and what it stands on.

    Attributes
    ----------
    total
        Weighted sum of the losses, nats, a scalar with a gradient.
    weight
        Sum of the weights.
    correct
        Weighted number of right first guesses, a scalar; the accuracy is this by `weight`. None while training.
    """

    total: torch.Tensor
    weight: float
    correct: torch.Tensor | None = None


class Objective(Protocol):
    """What `fit` asks of an objective."""

    def describe(self) -> dict[str, Any]:
        """Name and settings as plain JSON values; a checkpoint records them."""

    def check(self, model: Any, store: Any) -> None:
        """Raise BadInput if model or corpus do not suit the objective."""

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        """Loss of a batch; `rng` is the only source of chance besides dropout."""


class MaskedLanguageModel:
    """Predict hidden tokens from both sides (BERT, Devlin et al. 2019, arXiv:1810.04805).

    Under overlapping k-mers *bases* are hidden, by a run of masks over each, and all tokens of a run are predicted; 80/10/10 does
    not apply there, for a token left in a run would show its bases (see :func:`glmkit.data.mask_tokens`).

    Parameters
    ----------
    rate
        Share of tokens to hide: 80% become the mask, 10% a random letter, 10% stay. Under overlapping k-mers the share of bases;
        each hidden base takes up to k tokens with it, so choose about a third of what suits single bases.
    span
        Hide runs of so many tokens (bases under overlapping k-mers) instead of single ones; a run becomes masks only.
    reverse_complement
        Read each sequence on a random strand. For DNA in single bases or overlapping k-mers.
    """

    def __init__(self, rate: float = 0.15, *, span: int = 1, reverse_complement: bool = False) -> None:
        if not 0 < rate <= 1:
            raise BadInput(f"The masking rate must lie in (0, 1], got {rate!r}.")
        if span < 1:
            raise BadInput(f"The span of a hidden run must be 1 or more, got {span!r}.")
        self.rate, self.span, self.reverse_complement = rate, span, reverse_complement

    def describe(self) -> dict[str, Any]:
        """Name and settings."""
        return {"objective": "masked", "rate": self.rate, "span": self.span, "reverse_complement": self.reverse_complement}

    def check(self, model: Any, store: Any) -> None:
        """Raise BadInput if the model is causal or the corpus is in other ids.

        Parameters
        ----------
        model
            A LanguageModel.
        store
            The corpus.
        """
        _check_language_model(model, store, causal=False)
        if self.reverse_complement:
            complement_table(model.tokenizer)

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        """Cross-entropy at the hidden positions.

        Parameters
        ----------
        model
            A LanguageModel.
        batch
            Packed items.
        rng
            Decides strands and masks.

        Returns
        -------
        Loss
            Summed over hidden positions, with their weights.
        """
        if self.reverse_complement:
            batch = random_strands(batch, complement_table(model.tokenizer), rng)
        masked = mask_tokens(batch.tokens, model.tokenizer, rng, self.rate, batch.weights, batch.boundaries, self.span)
        return _language_loss(model, batch.boundaries, masked.inputs, masked.positions, masked.targets, masked.weights)


class CausalLanguageModel:
    """Predict each token from those before it.

    Parameters
    ----------
    reverse_complement
        Read each sequence on a random strand. For DNA in single bases or overlapping k-mers.
    """

    def __init__(self, *, reverse_complement: bool = False) -> None:
        self.reverse_complement = reverse_complement

    def describe(self) -> dict[str, Any]:
        """Name and settings."""
        return {"objective": "causal", "reverse_complement": self.reverse_complement}

    def check(self, model: Any, store: Any) -> None:
        """Raise BadInput if the model sees both sides or the corpus is in other ids.

        Parameters
        ----------
        model
            A LanguageModel.
        store
            The corpus.
        """
        _check_language_model(model, store, causal=True)
        if self.reverse_complement:
            complement_table(model.tokenizer)

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        """Cross-entropy of every token but each sequence's first; N and special tokens are read, not predicted.

        Parameters
        ----------
        model
            A LanguageModel.
        batch
            Packed items.
        rng
            Decides strands.

        Returns
        -------
        Loss
            Summed over predicted tokens, with their weights.
        """
        if self.reverse_complement:
            batch = random_strands(batch, complement_table(model.tokenizer), rng)
        follows = np.ones(len(batch.tokens), dtype=bool)
        follows[batch.boundaries[:-1]] = False
        predicted = np.flatnonzero(follows & model.tokenizer.maskable[batch.tokens])
        weights = np.ones(len(predicted), np.float32) if batch.weights is None else batch.weights[predicted]
        return _language_loss(model, batch.boundaries, batch.tokens, predicted - 1, batch.tokens[predicted], weights)


class Classification:
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

    def describe(self) -> dict[str, Any]:
        """Name, settings and the labels' hash."""
        weights = None if self.class_weights is None else self.class_weights.tolist()
        labels = hashlib.sha256(self.labels.astype("<i8").tobytes()).hexdigest()
        return {
            "objective": "classification",
            "labels": labels,
            "class_weights": weights,
            "reverse_complement": self.reverse_complement,
        }

    def check(self, model: Any, store: Any) -> None:
        """Raise BadInput if labels, corpus and classifier do not fit together.

        Parameters
        ----------
        model
            A Classifier.
        store
            The corpus.
        """
        if not hasattr(model, "pool"):
            raise BadInput(
                f"Classification needs a Classifier, got a {type(model).__name__}; make one with "
                "glmkit.models.new_classifier(model, classes)."
            )
        classes = model.classes
        if len(self.labels) != len(store):
            raise BadInput(f"There are {len(self.labels)} labels for {len(store)} items; each item needs one.")
        if self.labels.max() >= len(classes):
            raise BadInput(f"Label {self.labels.max()} was found, but the classifier has {len(classes)} classes, from 0.")
        if self.class_weights is not None and len(self.class_weights) != len(classes):
            raise BadInput(f"There are {len(self.class_weights)} class weights for {len(classes)} classes.")
        check_ids(model, store)
        if self.reverse_complement:
            complement_table(model.tokenizer)

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        """Cross-entropy of the classes.

        Parameters
        ----------
        model
            A Classifier.
        batch
            Packed items.
        rng
            Decides strands.

        Returns
        -------
        Loss
            Summed over sequences, with their classes' weights.
        """
        if self.reverse_complement:
            batch = random_strands(batch, complement_table(model.tokenizer), rng)
        labels = self.labels[batch.indices].astype(np.int64)
        weights = np.ones(len(labels), np.float32) if self.class_weights is None else self.class_weights[labels]
        tokens = torch.from_numpy(batch.tokens.astype(np.int64)).to(model.device)
        logits = model(tokens, torch.from_numpy(batch.boundaries))
        return cross_entropy(logits, labels, weights, model.training)


def _language_loss(
    model: Any, boundaries: np.ndarray, inputs: np.ndarray, positions: np.ndarray, targets: np.ndarray, weights: np.ndarray
) -> Loss:
    tokens = torch.from_numpy(inputs.astype(np.int64)).to(model.device)
    where = torch.from_numpy(positions).to(model.device)
    logits = model.logits(tokens, torch.from_numpy(boundaries), where)
    return cross_entropy(logits, targets.astype(np.int64), weights, model.training)


def cross_entropy(logits: torch.Tensor, targets: np.ndarray, weights: np.ndarray, training: bool) -> Loss:
    """Cross-entropy as a `Loss`.

    Parameters
    ----------
    logits
        (scored, classes).
    targets
        int64 (scored,).
    weights
        (scored,).
    training
        Leaves out the count of right guesses.

    Returns
    -------
    Loss
        Summed.
    """
    wanted = torch.from_numpy(targets).to(logits.device)
    weight = torch.from_numpy(np.ascontiguousarray(weights, np.float32)).to(logits.device)
    total = (F.cross_entropy(logits.float(), wanted, reduction="none") * weight).sum()
    correct = None if training else ((logits.argmax(-1) == wanted) * weight).sum()
    return Loss(total, float(weights.sum(dtype=np.float64)), correct)


def _check_language_model(model: Any, store: Any, causal: bool) -> None:
    if not hasattr(model, "logits"):
        raise BadInput(f"This objective needs a LanguageModel, got a {type(model).__name__}.")
    if model.causal != causal:
        kind, other = ("causal", "MaskedLanguageModel") if model.causal else ("masked", "CausalLanguageModel")
        raise BadInput(f"The model is {kind}: {other} does not suit it. Make it with causal={causal}, or change the objective.")
    check_ids(model, store)


def check_ids(model: Any, store: Any) -> None:
    """Raise BadInput if the corpus was made by another tokenizer than the model's.

    Parameters
    ----------
    model
        Has ``tokenizer``.
    store
        The corpus.
    """
    made_by = getattr(store, "tokenizer_hash", model.tokenizer.hash)
    if made_by != model.tokenizer.hash:
        raise BadInput(
            f"The corpus was made by another tokenizer (hash {made_by[:12]}) than the model's ({model.tokenizer.hash[:12]}). "
            "Preprocess it again with the model's own."
        )
