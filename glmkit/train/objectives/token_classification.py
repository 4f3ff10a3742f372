"""Telling the class of every token: the objective for labels that run along the sequence, such as the coding frame."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from glmkit.data.windows import OTHER_STRAND
from glmkit.errors import BadInput
from glmkit.models.heads import TokenClassifier
from glmkit.tokens import surround
from glmkit.tokens.sequences import tokens_over_base
from glmkit.train.objectives.base import Examples, Loss, Objective, as_tensors, cross_entropy
from glmkit.train.objectives.batches import Batch
from glmkit.train.objectives.reverse_complement import complement_table, random_order, turn_labels

Labels = Sequence[np.ndarray] | Callable[[int], np.ndarray]


class TokenClassification(Objective):
    """Tell which class each token is of.

    Validation logs the share of scored tokens that are told right as ``validation_accuracy``.

    Parameters
    ----------
    labels
        None if the corpus has them (``corpus.labels(i)``, as `glmkit.data.LabelledCrops`). Otherwise, for each item, the
        classes of its tokens: a list of whole-number arrays (tokens of the item,), or a function from the item's number to
        such an array; a validation corpus then needs an objective of its own. Classes count from 0; -1 is a token that is
        not scored. Under overlapping k-mers a token's label is that of its base ``(k - 1) // 2``.
    reverse_complement
        Read each sequence on a random strand, its labels in reverse order. The classes change places: True stands for
        those of `glmkit.data.windows.coding_frames`, +1 to +3 with -1 to -3; for others say what each is called on the other strand.

    Raises
    ------
    BadInput
        Names on the other strand that do not lead back.
    """

    name = "token classification"

    def __init__(self, labels: Labels | None = None, *, reverse_complement: bool | Sequence[int] = False) -> None:
        self._labels = labels if labels is None or callable(labels) else labels.__getitem__
        self._items = None if labels is None or callable(labels) else len(labels)
        self._hash: str | None = None
        self.swap: tuple[int, ...] | None
        if isinstance(reverse_complement, bool):
            self.swap = OTHER_STRAND if reverse_complement else None
        else:
            self.swap = tuple(int(other) for other in reverse_complement)
        swap = self.swap or ()
        if set(swap) != set(range(len(swap))) or any(swap[other] != i for i, other in enumerate(swap)):
            raise BadInput(f"reverse_complement must name each class on the other strand, and back; got {swap}.")

    @property
    def own_labels(self) -> Callable[[int], np.ndarray] | None:
        """From an item's number to its labels; None if the corpus has them."""
        return self._labels

    def settings(self) -> dict[str, Any]:
        """The classes' names on the other strand."""
        return {"reverse_complement": False if self.swap is None else list(self.swap)}

    def describe(self) -> dict[str, Any]:
        """Name, settings and the hash of labels of its own, which `check` takes; those of a corpus are in the corpus' hash."""
        return {"objective": self.name, "labels": self._hash, "swap": self.swap and list(self.swap)}

    def suits(self, model: Any, store: Any) -> None:
        """Read all labels once; raise BadInput if labels, corpus and classifier do not fit together.

        Parameters
        ----------
        model
            A TokenClassifier.
        store
            The corpus.
        """
        if not isinstance(model, TokenClassifier):
            raise BadInput(
                f"TokenClassification needs a TokenClassifier, got a {type(model).__name__}; make one with "
                "glmkit.models.new_token_classifier(model, classes)."
            )
        if self._items is not None and self._items != len(store):
            raise BadInput(f"There are labels for {self._items} items, but the corpus has {len(store)}; each item needs its own.")
        if self.swap is not None:
            complement_table(model.tokenizer)
            if len(self.swap) != len(model.classes):
                raise BadInput(
                    f"reverse_complement names {len(self.swap)} classes on the other strand, the classifier has "
                    f"{len(model.classes)}. Give the name of each class there."
                )
        of = self._labels or getattr(store, "labels", None)
        if of is None:
            raise BadInput("This corpus has no labels of its own; give TokenClassification(labels), or train on LabelledCrops.")
        digest = _read_all(of, store, len(model.classes))
        self._hash = digest if self._labels else None

    def prepare(self, model: Any, batch: Batch, rng: np.random.Generator) -> Examples:
        """Choose strands; labels turn with their sequences.

        Parameters
        ----------
        model
            Gives its tokenizer.
        batch
            Packed items; weights, if there are any, count.
        rng
            Decides strands.

        Returns
        -------
        Examples
            Scored where there is a label.
        """
        ids, weights, labels = batch.tokens, batch.weights, self._labels_of(batch, model.tokenizer)
        if self.swap is not None:
            order, turned = random_order(batch.boundaries, rng)
            ids = ids[order]
            ids[turned] = complement_table(model.tokenizer)[ids[turned]]
            weights = None if weights is None else weights[order]
            labels = turn_labels(labels, order, turned, batch.boundaries, self.swap, tokens_over_base(model.tokenizer))
        scored = np.flatnonzero(labels >= 0)
        counted = np.ones(len(scored), np.float32) if weights is None else weights[scored]
        return Examples(ids, batch.boundaries, labels[scored], counted, scored)

    def score(self, model: Any, examples: Examples) -> Loss:
        """Cross-entropy of the scored tokens' classes.

        Parameters
        ----------
        model
            A TokenClassifier.
        examples
            From `prepare`.

        Returns
        -------
        Loss
            Summed over scored tokens.
        """
        logits = model(*as_tensors(examples, model))
        assert examples.positions is not None
        return cross_entropy(logits[torch.from_numpy(examples.positions).to(logits.device)], examples, model.training)

    def _labels_of(self, batch: Batch, tokenizer: Any) -> np.ndarray:
        if self._labels is not None:
            before, after = [-1] * len(tokenizer.prefix), [-1] * len(tokenizer.suffix)
            return np.concatenate([surround(np.asarray(self._labels(int(i)), np.int64), before, after) for i in batch.indices])
        if batch.labels is None:
            raise BadInput("This batch comes from a corpus without labels. Call check(model, store) first, as fit does.")
        return batch.labels


def _read_all(of: Callable[[int], np.ndarray], store: Any, classes: int) -> str:
    """Check the labels of every item, and give their hash."""
    digest, scored = hashlib.sha256(), 0
    for item in range(len(store)):
        labels = np.asarray(of(item))
        if labels.dtype.kind not in "iu" or labels.shape != (store.lengths[item],):
            raise BadInput(
                f"The labels of item {item} must be whole numbers ({store.lengths[item]},), one a token, got "
                f"{labels.dtype} {labels.shape}."
            )
        if len(labels) and (labels.min() < -1 or labels.max() >= classes):
            wrong = labels[(labels < -1) | (labels >= classes)][0]
            raise BadInput(
                f"Item {item} has the label {wrong}, but the classifier has {classes} classes, from 0; -1 is "
                "for tokens that are not scored."
            )
        digest.update(labels.astype("<i8").tobytes())
        scored += int((labels >= 0).sum())
    if not scored:
        raise BadInput(f"All tokens of all {len(store)} items have the label -1: there is nothing to learn.")
    return digest.hexdigest()
