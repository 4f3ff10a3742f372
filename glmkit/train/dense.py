"""Telling the class of every token: the objective for labels that run along the sequence, such as the coding frame."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from glmkit.errors import BadInput
from glmkit.tokens import tokens_over_base
from glmkit.train.feed import Batch
from glmkit.train.objectives import Loss, check_ids, cross_entropy
from glmkit.train.strands import complement_table, random_order, turn_labels

Labels = Sequence[np.ndarray] | Callable[[int], np.ndarray]


class TokenClassification:
    """Tell which class each token is of.

    Validation logs the share of scored tokens that are told right as ``validation_accuracy``; give it the validation corpus and
    its own labels, ``validation=(crops, TokenClassification(crops.labels))``.

    Parameters
    ----------
    labels
        For each item of the corpus the classes of its tokens, from 0, or -1 where a token is not scored: whole numbers
        (tokens of the item,). A list of arrays, or a function of the item's number such as ``LabelledCrops.labels``. Under
        overlapping k-mers a token's label is that of its base ``(k - 1) // 2``.
    swap
        What each class is called on the other strand, as ``glmkit.data.OTHER_STRAND`` says for coding frames. With it every
        sequence is read on a random strand, its labels in reverse order; without it as it stands.

    Raises
    ------
    BadInput
        `swap` does not lead back when taken twice.
    """

    def __init__(self, labels: Labels, *, swap: Sequence[int] | None = None) -> None:
        self._labels = labels if callable(labels) else labels.__getitem__
        self._items = None if callable(labels) else len(labels)
        self.swap = None if swap is None else tuple(int(other) for other in swap)
        if self.swap is not None and (
            set(self.swap) != set(range(len(self.swap))) or any(self.swap[other] != i for i, other in enumerate(self.swap))
        ):
            raise BadInput(f"swap must give each class another name that leads back to it, got {self.swap}.")
        self._hash: str | None = None

    def describe(self) -> dict[str, Any]:
        """Name, settings and the labels' hash, which `check` takes."""
        return {"objective": "token classification", "labels": self._hash, "swap": self.swap and list(self.swap)}

    def check(self, model: Any, store: Any) -> None:
        """Read all labels once; raise BadInput if labels, corpus and classifier do not fit together.

        Parameters
        ----------
        model
            A TokenClassifier.
        store
            The corpus.
        """
        if not hasattr(model, "classes") or hasattr(model, "pool"):
            raise BadInput(
                f"TokenClassification needs a TokenClassifier, got a {type(model).__name__}; make one with "
                "glmkit.models.new_token_classifier(model, classes)."
            )
        check_ids(model, store)
        if self._items is not None and self._items != len(store):
            raise BadInput(f"There are labels for {self._items} items, but the corpus has {len(store)}; each item needs its own.")
        if self.swap is not None:
            complement_table(model.tokenizer)
            if len(self.swap) != len(model.classes):
                raise BadInput(f"swap names {len(self.swap)} classes, the classifier has {len(model.classes)}.")
        digest, scored = hashlib.sha256(), 0
        for item in range(len(store)):
            labels = np.asarray(self._labels(item))
            if labels.dtype.kind not in "iu" or labels.shape != (store.lengths[item],):
                raise BadInput(
                    f"The labels of item {item} must be whole numbers ({store.lengths[item]},), one a token, got "
                    f"{labels.dtype} {labels.shape}."
                )
            if len(labels) and (labels.min() < -1 or labels.max() >= len(model.classes)):
                wrong = labels[(labels < -1) | (labels >= len(model.classes))][0]
                raise BadInput(
                    f"Item {item} has the label {wrong}, but the classifier has {len(model.classes)} classes, from 0; -1 is "
                    "for tokens that are not scored."
                )
            digest.update(labels.astype("<i8").tobytes())
            scored += int((labels >= 0).sum())
        if not scored:
            raise BadInput(f"All tokens of all {len(store)} items have the label -1: there is nothing to learn.")
        self._hash = digest.hexdigest()

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        """Cross-entropy of the scored tokens' classes.

        Parameters
        ----------
        model
            A TokenClassifier.
        batch
            Packed items; weights, if there are any, count.
        rng
            Decides strands.

        Returns
        -------
        Loss
            Summed over scored tokens.
        """
        ids, weights = batch.tokens, batch.weights
        labels = np.concatenate([np.asarray(self._labels(int(item)), np.int64) for item in batch.indices])
        if self.swap is not None:
            order, turned = random_order(batch.boundaries, rng)
            ids = ids[order]
            ids[turned] = complement_table(model.tokenizer)[ids[turned]]
            weights = None if weights is None else weights[order]
            labels = turn_labels(labels, order, turned, batch.boundaries, self.swap, tokens_over_base(model.tokenizer))
        scored = np.flatnonzero(labels >= 0)
        counted = np.ones(len(scored), np.float32) if weights is None else weights[scored]
        logits = model(torch.from_numpy(ids.astype(np.int64)).to(model.device), torch.from_numpy(batch.boundaries))
        return cross_entropy(logits[torch.from_numpy(scored).to(logits.device)], labels[scored], counted, model.training)
