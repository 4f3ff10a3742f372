"""Classification of every token, for labels along a sequence such as the coding frame."""

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
    """Objective of token classifiers: cross-entropy of one class per token.

    Validation logs the fraction of scored tokens that are predicted correctly as ``validation_accuracy``.

    Parameters
    ----------
    labels
        Classes of the tokens of each item, as a list of integer arrays (tokens,), or as a function from the index of an item to
        such an array; a validation corpus then needs a separate objective. None if the corpus has labels
        (``corpus.labels(i)``, as `glmkit.data.corpora.LabelledCrops`). Classes count from 0; -1 is a token that is not scored.
        For overlapping k-mers the label of a token is that of its base ``(k - 1) // 2``.
    reverse_complement
        Whether to read each sequence on a random strand, with its labels in reverse order and classes exchanged. True uses the
        classes of `glmkit.data.windows.coding_frames` (+1 to +3 with -1 to -3); for others, the class on the other strand for
        each class, (classes,).

    Raises
    ------
    BadInput
        Classes on the other strand that are not mutual.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.data.corpora import EncodedWindows
    >>> from glmkit.models import TransformerConfig, new_model, new_token_classifier
    >>> from glmkit.tokens import make_tokenizer
    >>> from glmkit.train import TokenClassification, TrainConfig, fit
    >>> config = TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2, feedforward=8)
    >>> classifier = new_token_classifier(new_model(config, make_tokenizer("base")), classes=("intergenic", "coding"))
    >>> corpus = EncodedWindows(["ATGGCATG", "TATAATGC"], classifier.tokenizer)
    >>> labels = [np.ones(8, int), np.zeros(8, int)]
    >>> fit(classifier, corpus, TokenClassification(labels), TrainConfig(steps=2, device="cpu")).steps
    2
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
            raise BadInput(f"reverse_complement must be a mutual exchange of classes between strands, got {swap}.")

    @property
    def own_labels(self) -> Callable[[int], np.ndarray] | None:
        """Function from the index of an item to its labels; None if the corpus has them."""
        return self._labels

    def settings(self) -> dict[str, Any]:
        """Classes on the other strand."""
        return {"reverse_complement": False if self.swap is None else list(self.swap)}

    def describe(self) -> dict[str, Any]:
        """Name, settings and the hash of its labels, computed by `check`; labels of a corpus are part of the corpus's hash."""
        return {"objective": self.name, "labels": self._hash, "swap": self.swap and list(self.swap)}

    def suits(self, model: Any, store: Any) -> None:
        """Read all labels once; raise BadInput if labels, corpus and classifier do not match.

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
            raise BadInput(f"Expected labels for each of {len(store)} items of the corpus, got labels for {self._items}.")
        if self.swap is not None:
            complement_table(model.tokenizer)
            if len(self.swap) != len(model.classes):
                raise BadInput(
                    f"reverse_complement: expected the class on the other strand for each of {len(model.classes)} classes, got "
                    f"{len(self.swap)}."
                )
        of = self._labels or getattr(store, "labels", None)
        if of is None:
            raise BadInput("The corpus has no labels. Pass them as TokenClassification(labels), or train on LabelledCrops.")
        digest = _read_all(of, store, len(model.classes))
        self._hash = digest if self._labels else None

    def prepare(self, model: Any, batch: Batch, rng: np.random.Generator) -> Examples:
        """Choose strands, and reverse labels with their sequences.

        Parameters
        ----------
        model
            Model with a tokenizer.
        batch
            Batch of packed items with optional weights.
        rng
            Random generator of strands.

        Returns
        -------
        Examples
            Examples scored at tokens with a label.
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
        """Cross-entropy of the classes of scored tokens.

        Parameters
        ----------
        model
            A TokenClassifier.
        examples
            Examples from `prepare`.

        Returns
        -------
        Loss
            Sum over scored tokens.
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
                f"The labels of item {item} must be whole numbers ({store.lengths[item]},), one per token, got "
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
        raise BadInput(f"Expected at least one scored token, but all tokens of all {len(store)} items have the label -1.")
    return digest.hexdigest()
