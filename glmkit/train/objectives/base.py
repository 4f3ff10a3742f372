"""What a model is trained to do: each objective turns a batch into examples, and examples into a summed loss and its weight.

Sums, not means: the loop divides by the weight of the whole effective batch, so that accumulating over several forward passes
gives the gradient of one large batch exactly, however the scored positions fall. Chance (masks, strands) is spent when the
examples are made, before any forward pass, so that examples can be cut into smaller passes without changing what is learnt.
"""

import hashlib
import itertools
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from glmkit.errors import BadInput
from glmkit.train.objectives.batches import Batch
from glmkit.train.objectives.reverse_complement import complement_table, random_strands


class Loss(NamedTuple):
    """A loss and what it stands on.

    Attributes
    ----------
    total
        Weighted sum of the losses, a scalar with a gradient: nats, or squared errors for a regression.
    weight
        Sum of the weights.
    correct
        Weighted number of right first guesses, a scalar; the accuracy is this by `weight`. None while training, and where there
        is no right or wrong.
    """

    total: torch.Tensor
    weight: float
    correct: torch.Tensor | None = None


@dataclass(frozen=True)
class Examples:
    """A batch whose chance is spent: what the network reads, and what it should say.

    Attributes
    ----------
    tokens
        (tokens,): ids as the network reads them, masked if they are to be.
    boundaries
        int64 (sequences + 1,).
    targets
        (scored, ...): what is wanted at each scored position, or for each sequence where there are no positions.
    weights
        float32 (scored,): weight of each in the loss.
    positions
        int64 (scored,): scored places in `tokens`; None if sequences are scored.
    groups
        int64 (sequences,): neighbours of one number must stay in one forward pass; None if every sequence stands alone.
    """

    tokens: np.ndarray
    boundaries: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    positions: np.ndarray | None = None
    groups: np.ndarray | None = None

    def split(self, most: int | None) -> list["Examples"]:
        """Cut into passes of fewer tokens.

        Parameters
        ----------
        most
            Tokens of a pass; a sequence (or group) that is longer makes a pass of its own. None cuts nothing.

        Returns
        -------
        list of Examples
            In order; their losses add up to that of the whole.
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
        """The sequences before which a cut may be made, the end included."""
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
    """What `fit` asks of an objective: how it is described, whether it suits, what it learns from a batch, and its loss.

    A subclass has a `name`, `settings` and `arrays` (which its constructor takes back), and says how to `prepare` and `score`.
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
        """Name, settings and hashes of arrays as plain JSON values; a checkpoint records them."""
        hashes = {name: array_hash(array) for name, array in self.arrays().items()}
        return {"objective": self.name, **hashes, **self.settings()}

    def check(self, model: Any, store: Any) -> None:
        """Raise BadInput if model, corpus and objective do not fit together.

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
    def suits(self, model: Any, store: Any) -> None:
        """Raise BadInput if the model is of another kind, or the targets are not those of the corpus."""

    @abstractmethod
    def prepare(self, model: Any, batch: Batch, rng: np.random.Generator) -> Examples:
        """Spend chance: strands, masks.

        Parameters
        ----------
        model
            Gives its tokenizer.
        batch
            Packed items.
        rng
            The only source of chance besides dropout.

        Returns
        -------
        Examples
            What `score` takes, whole or in parts.
        """

    @abstractmethod
    def score(self, model: Any, examples: Examples) -> Loss:
        """The loss of examples, by one forward pass.

        Parameters
        ----------
        model
            On its device.
        examples
            From `prepare`.

        Returns
        -------
        Loss
            Summed over what is scored, with its weights.
        """

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        """The loss of a batch: `prepare`, then `score`.

        Parameters
        ----------
        model
            On its device.
        batch
            Packed items.
        rng
            Decides strands and masks.

        Returns
        -------
        Loss
            Summed over what is scored.
        """
        return self.score(model, self.prepare(model, batch, rng))

    def strands(self, model: Any, batch: Batch, rng: np.random.Generator) -> Batch:
        """The batch, each sequence on a random strand if `reverse_complement` asks for it.

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
        Batch
            The same one if nothing is asked.
        """
        return random_strands(batch, complement_table(model.tokenizer), rng) if self.reverse_complement else batch


def as_tensors(examples: Examples, model: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens and boundaries as a network takes them.

    Parameters
    ----------
    examples
        From `Objective.prepare`.
    model
        Says the device.

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
        (scored, classes).
    examples
        Their targets, whole numbers (scored,), and weights.
    training
        Leaves out the count of right guesses.

    Returns
    -------
    Loss
        Summed.
    """
    wanted = torch.from_numpy(examples.targets.astype(np.int64)).to(logits.device)
    weight = torch.from_numpy(np.ascontiguousarray(examples.weights, np.float32)).to(logits.device)
    total = (F.cross_entropy(logits.float(), wanted, reduction="none") * weight).sum()
    correct = None if training else ((logits.argmax(-1) == wanted) * weight).sum()
    return Loss(total, float(examples.weights.sum(dtype=np.float64)), correct)


def array_hash(array: np.ndarray) -> str:
    """SHA-256 of an array's values, whole numbers as int64 and others as float64, little-endian, in hexadecimal."""
    kind = "<i8" if array.dtype.kind in "iu" else "<f8"
    return hashlib.sha256(np.ascontiguousarray(array.astype(kind)).tobytes()).hexdigest()


def check_count(count: int, what: str, store: Any) -> None:
    """Raise BadInput unless there is one target an item.

    Parameters
    ----------
    count
        Targets.
    what
        Their name, plural.
    store
        The corpus.
    """
    if count != len(store):
        raise BadInput(f"There are {count} {what} for {len(store)} items; each item needs one.")


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
