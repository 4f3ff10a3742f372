"""Base class of training objectives: from a batch to examples, and from examples to a summed loss and its weight.

Losses are sums, not means. The loop divides by the weight of the whole effective batch, so that accumulation over micro-batches
gives exactly the gradient of one large batch. All random choices (masks, strands) are made with the examples, before any forward
pass. Examples can therefore be split into smaller micro-batches without a change of the result.
"""

import hashlib
import itertools
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from glmkit.errors import BadInput
from glmkit.train.objectives.batches import Batch
from glmkit.train.objectives.reverse_complement import complement_table, random_strands

if TYPE_CHECKING:
    from glmkit.models import Model


class Loss(NamedTuple):
    """A summed loss and its weight.

    Attributes
    ----------
    total
        Weighted sum of the losses, a scalar with a gradient, in nats or (for regression) squared errors.
    weight
        Sum of the weights.
    correct
        Weighted number of correct predictions, a scalar; divided by `weight` it is the accuracy. None during training, and for
        objectives without an accuracy.
    """

    total: torch.Tensor
    weight: float
    correct: torch.Tensor | None = None


@dataclass(frozen=True)
class Examples:
    """Inputs and targets of a batch, after all random choices.

    Attributes
    ----------
    tokens
        Input token ids with masks, (tokens,).
    boundaries
        Boundaries of the sequences, int64 (sequences + 1,).
    targets
        Targets of the scored positions, or of the sequences if there are no positions, (scored, ...).
    weights
        Weight of each target in the loss, float32 (scored,).
    positions
        Scored positions in `tokens`, int64 (scored,); None if sequences are scored.
    groups
        Group of each sequence, int64 (sequences,); a group must stay in one forward pass. None for independent sequences.
    """

    tokens: np.ndarray
    boundaries: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    positions: np.ndarray | None = None
    groups: np.ndarray | None = None

    def split(self, most: int | None) -> list["Examples"]:
        """Split into smaller micro-batches.

        Parameters
        ----------
        most
            Maximum number of tokens per micro-batch; a longer sequence (or group) forms a separate one. None for no split.

        Returns
        -------
        list of Examples
            Parts in order; the sum of their losses is the loss of the whole.
        """
        if most is None or len(self.tokens) <= most:
            return [self]
        cuts = self._units()
        edges = [0]
        for i in range(1, len(cuts)):
            if self.boundaries[cuts[i]] - self.boundaries[edges[-1]] > most and cuts[i - 1] > edges[-1]:
                edges.append(int(cuts[i - 1]))
        edges.append(len(self.boundaries) - 1)
        return [self._part(start, stop) for start, stop in itertools.pairwise(edges)]

    @property
    def divisible(self) -> bool:
        """Whether there is more than one sequence or group."""
        return len(self._units()) > 2

    def _units(self) -> np.ndarray:
        """Indices of sequences before which a split is possible, including the end."""
        sequences = len(self.boundaries) - 1
        if self.groups is None:
            return np.arange(sequences + 1)
        return np.r_[0, 1 + np.flatnonzero(np.diff(self.groups)), sequences]

    def _part(self, start: int, stop: int) -> "Examples":
        first, last = int(self.boundaries[start]), int(self.boundaries[stop])
        if self.positions is None:
            scored, positions = np.arange(start, stop), None
        else:
            scored = np.flatnonzero((self.positions >= first) & (self.positions < last))
            positions = self.positions[scored] - first
        groups = None if self.groups is None else self.groups[start:stop]
        edges = self.boundaries[start : stop + 1] - first
        return Examples(self.tokens[first:last], edges, self.targets[scored], self.weights[scored], positions, groups)


class Objective(ABC):
    """Interface of a training objective for `fit`: description, validation, preparation of batches, and loss.

    A subclass defines `name`, `settings` and `arrays` (arguments of its constructor), and the methods `suits`, `prepare` and
    `score`.
    """

    name: ClassVar[str]
    reverse_complement: bool = False

    def settings(self) -> dict[str, Any]:
        """Arguments of the constructor that are plain JSON values."""
        return {"reverse_complement": self.reverse_complement}

    def arrays(self) -> dict[str, np.ndarray]:
        """Arguments of the constructor that are arrays."""
        return {}

    def describe(self) -> dict[str, Any]:
        """Name, settings and hashes of arrays as plain JSON values, for checkpoints."""
        hashes = {name: array_hash(array) for name, array in self.arrays().items()}
        return {"objective": self.name, **hashes, **self.settings()}

    def check(self, model: "Model", store: Any) -> None:
        """Raise BadInput if model, corpus and objective do not match.

        Parameters
        ----------
        model
            A LanguageModel or a head of the kind that the objective trains.
        store
            The corpus.
        """
        self.suits(model, store)
        check_ids(model, store)
        if self.reverse_complement:
            complement_table(model.tokenizer)

    @abstractmethod
    def suits(self, model: "Model", store: Any) -> None:
        """Raise BadInput if the model is of another kind, or the targets do not match the corpus."""

    @abstractmethod
    def prepare(self, model: "Model", batch: Batch, rng: np.random.Generator) -> Examples:
        """Make examples from a batch, including all random choices (strands, masks).

        Parameters
        ----------
        model
            Model with a tokenizer.
        batch
            Batch of packed items.
        rng
            Random generator, the only source of randomness except dropout.

        Returns
        -------
        Examples
            Input of `score`, whole or in parts.
        """

    @abstractmethod
    def score(self, model: "Model", examples: Examples) -> Loss:
        """The loss of examples, by one forward pass.

        Parameters
        ----------
        model
            Model on its device.
        examples
            Examples from `prepare`.

        Returns
        -------
        Loss
            Sum over the scored positions or sequences, with its weight.
        """

    def loss(self, model: "Model", batch: Batch, rng: np.random.Generator) -> Loss:
        """The loss of a batch: `prepare`, then `score`.

        Parameters
        ----------
        model
            Model on its device.
        batch
            Batch of packed items.
        rng
            Random generator of strands and masks.

        Returns
        -------
        Loss
            Sum over the scored positions or sequences.
        """
        return self.score(model, self.prepare(model, batch, rng))

    def strands(self, model: "Model", batch: Batch, rng: np.random.Generator) -> Batch:
        """The batch, with each sequence on a random strand if `reverse_complement` is set.

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
        Batch
            The batch itself if `reverse_complement` is not set.
        """
        return random_strands(batch, complement_table(model.tokenizer), rng) if self.reverse_complement else batch


def as_tensors(examples: Examples, model: "Model") -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens and boundaries as inputs of a network.

    Parameters
    ----------
    examples
        Examples from `Objective.prepare`.
    model
        Model on its device.

    Returns
    -------
    tuple of torch.Tensor
        int64 (tokens,) on the model's device, int64 (sequences + 1,) on the CPU.
    """
    return torch.from_numpy(examples.tokens.astype(np.int64)).to(model.device), torch.from_numpy(examples.boundaries)


def cross_entropy(logits: torch.Tensor, examples: Examples, training: bool) -> Loss:
    """Cross-entropy as a `Loss`.

    Parameters
    ----------
    logits
        Logits, (scored, classes).
    examples
        Examples with integer targets (scored,) and weights.
    training
        Whether to omit the number of correct predictions.

    Returns
    -------
    Loss
        Sum over the scored positions or sequences.
    """
    wanted = torch.from_numpy(examples.targets.astype(np.int64)).to(logits.device)
    weight = torch.from_numpy(np.ascontiguousarray(examples.weights, np.float32)).to(logits.device)
    total = (F.cross_entropy(logits.float(), wanted, reduction="none") * weight).sum()
    correct = None if training else ((logits.argmax(-1) == wanted) * weight).sum()
    return Loss(total, float(examples.weights.sum(dtype=np.float64)), correct)


def array_hash(array: np.ndarray) -> str:
    """Hexadecimal SHA-256 of an array's values, with integers as int64 and others as float64, little-endian."""
    kind = "<i8" if array.dtype.kind in "iu" else "<f8"
    return hashlib.sha256(np.ascontiguousarray(array.astype(kind)).tobytes()).hexdigest()


def check_count(count: int, what: str, store: Any) -> None:
    """Raise BadInput unless there is one target per item.

    Parameters
    ----------
    count
        Number of targets.
    what
        Plural name of the targets.
    store
        The corpus.
    """
    if count != len(store):
        raise BadInput(f"There are {count} {what} for {len(store)} items; each item needs one.")


def check_ids(model: "Model", store: Any) -> None:
    """Raise BadInput if the corpus was made by another tokenizer than the model's.

    Parameters
    ----------
    model
        Model with a ``tokenizer``.
    store
        The corpus.
    """
    made_by = getattr(store, "tokenizer_hash", model.tokenizer.hash)
    if made_by != model.tokenizer.hash:
        raise BadInput(
            f"The corpus was made by another tokenizer (hash {made_by[:12]}) than the model's ({model.tokenizer.hash[:12]}). "
            "Preprocess it again with the model's own."
        )
