"""A language model, fine-tuned anew on each training side: the method that a comparison is usually about.

It is handed the same training items as every baseline and holds a tenth of them back to stop by, whole groups if groups are given,
so that nothing of a test side decides when training ends. The trade-off against the fine-tuning notebooks: one call judges a model on
any table of sequences, on every split and seed, but an interrupted comparison goes on from the last *finished* training (kept under
``folder``) and the checkpoint of the one that was running, not from anything finer.
"""

import copy
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.model_selection import GroupShuffleSplit

from glmkit.data import EncodedWindows
from glmkit.errors import BadInput
from glmkit.evaluate.estimators.random_weights import untrained
from glmkit.evaluate.method import check_fitted
from glmkit.evaluate.metrics.multiclass import check_multiclass
from glmkit.evaluate.metrics.registry import Kind

_HEADS = ("classification", "multiclass", "regression")


@dataclass(frozen=True, kw_only=True)
class FineTuning:  # numpydoc ignore=PR02
    """How a model is fine-tuned for a comparison.

    Parameters
    ----------
    epochs
        Most passes over the training items.
    patience
        Validations (one a pass) without improvement after which training stops; 0 never stops.
    trainable
        What learns beside the head: ``"all"``, the ``"last"`` block, ``"lora"`` (rank 8), or only the ``"head"``.
    learning_rate
        Peak.
    weight_decay
        On matrices.
    dropout
        Before the head.
    batch_tokens
        Tokens of a step.
    reach
        Letters read, from the start of a sequence; None for all of it, as far as the model's context goes.
    pool
        How hidden states become one vector.
    validation
        Share of the training items that is held back.
    precision, device
        As in :class:`glmkit.train.TrainConfig`.

    Raises
    ------
    BadInput
        A count or share out of range.
    """

    epochs: int = 10
    patience: int = 3
    trainable: Literal["all", "last", "lora", "head"] = "all"
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    dropout: float = 0.1
    batch_tokens: int = 4096
    reach: int | None = None
    pool: Literal["mean", "first", "last"] = "mean"
    validation: float = 0.1
    precision: Literal["auto", "float32", "bf16"] = "float32"
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.epochs < 1 or (self.reach is not None and self.reach < 1):
            raise BadInput(f"FineTuning: epochs and reach are 1 or more, got {self.epochs} and {self.reach}.")
        if not 0 < self.validation < 0.9:
            raise BadInput(f"FineTuning.validation must lie between 0 and 0.9, got {self.validation}.")


class FineTuned:
    """A fine-tuned language model, as a model of :func:`glmkit.evaluate.compare`.

    Parameters
    ----------
    model
        A LanguageModel; it is copied, never changed.
    kind
        ``"classification"``, ``"multiclass"`` or ``"regression"``.
    how
        Settings.
    name
        Name for tables; None for ``"pretrained, fine-tuned"`` or ``"same network from scratch"``.
    description
        One line for tables; None for one made from the settings.
    start
        ``"pretrained"``, or ``"scratch"``: the same network from random weights, which says what pretraining is worth.
    classes
        How many there are, for ``"multiclass"``; None: up to the largest label in training.
    groups
        Unit of independence of each sequence, for what is held back; None if sequences are independent.
    folder
        Where finished models and checkpoints are kept, so that a run cut short goes on; None keeps nothing.
    log
        Called with (step, metrics by name) while a model trains.
    stop
        Asked between steps whether to stop, as by :func:`glmkit.train.fit`.
    """

    random = True

    def __init__(
        self,
        model: Any,
        kind: Kind = "classification",
        how: FineTuning | None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        start: Literal["pretrained", "scratch"] = "pretrained",
        classes: int | None = None,
        groups: Mapping[str, object] | None = None,
        folder: str | Path | None = None,
        log: Callable[..., None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> None:
        if kind not in _HEADS:
            raise BadInput(f"kind: fine-tuning here is for {', '.join(_HEADS)}, got {kind!r}.")
        self.model, self.kind, self.how, self.start = model, kind, how or FineTuning(), start
        self.classes, self.groups, self.log, self.stop = classes, groups, log, stop
        self.folder = None if folder is None else Path(folder)
        self.name = name or ("pretrained, fine-tuned" if start == "pretrained" else "same network from scratch")
        what = {"all": "all weights", "last": "the last block", "lora": "adapters of rank 8", "head": "the head only"}
        weights = "pretrained network" if start == "pretrained" else "random weights"
        made = f"{weights}, then {what[self.how.trainable]} fine-tuned for at most {self.how.epochs} epochs"
        self.description = description or made
        self._fitted: Any = None

    @property
    def card(self) -> dict[str, Any]:
        """What identifies it in a results card: its settings, and the language model it starts from with SHA-256 of its weights."""
        from glmkit.models import weights_hash

        of = {"card": self.model.card, "weights_sha256": weights_hash(self.model)}
        return {"start": self.start, "how": asdict(self.how), "language model": of}

    def fit(self, sequences: Sequence[str], labels: np.ndarray, seed: int = 0) -> "FineTuned":
        """Fine-tune a copy of the model.

        Parameters
        ----------
        sequences
            n of them.
        labels
            0 or 1, class numbers, or measured values, (n,).
        seed
            Of what is held back, the head, the order and dropout; under ``"scratch"`` of the network's weights too.

        Returns
        -------
        FineTuned
            Itself.

        Raises
        ------
        BadInput
            Fewer than ten sequences, or labels that do not fit the kind.
        KeyboardInterrupt
            `stop` said so; the same call goes on from the checkpoint if there is a folder.
        """
        from glmkit.models import load_head, save_head
        from glmkit.train import merge_adapters

        labels = np.asarray(labels, dtype=np.float64 if self.kind == "regression" else np.int64)
        if len(sequences) < 10 or len(labels) != len(sequences):
            raise BadInput(
                f"{self.name}: expected ten sequences or more with a label each, got {len(sequences)} and {len(labels)}."
            )
        place = None if self.folder is None else self.folder / self._key(sequences, labels, seed)
        if place is not None and (place / "model").is_dir():
            self._fitted = load_head(place / "model", device=self.how.device)
            return self
        head = self._new_head(labels, seed)
        self._train(head, sequences, labels, seed, None if place is None else place / "training")
        if self.how.trainable == "lora":
            merge_adapters(head)
        if place is not None:
            save_head(head, place / "model")
        self._fitted = head
        return self

    def score(self, sequences: Sequence[str]) -> np.ndarray:
        """Probability of class 1 or predicted value, float64 (n,); of many classes (n, classes)."""
        from glmkit.score import class_probabilities, predicted_values

        head, read = check_fitted(self, self._fitted), self._read(sequences)
        if self.kind == "regression":
            return predicted_values(head, read)[:, 0]
        probabilities = class_probabilities(head, read)
        return probabilities if self.kind == "multiclass" else probabilities[:, 1]

    def _read(self, sequences: Sequence[str]) -> list[str]:
        """What the model reads of each sequence: no more than `reach` letters."""
        return [sequence[: self.how.reach] for sequence in sequences] if self.how.reach else list(sequences)

    def _key(self, sequences: Sequence[str], labels: np.ndarray, seed: int) -> str:
        """Names a training by everything that decides its weights."""
        from glmkit.models import weights_hash

        settings = {name: value for name, value in asdict(self.how).items() if name != "device"}
        of = {"how": settings, "kind": self.kind, "start": self.start, "model": weights_hash(self.model), "seed": seed}
        digest = hashlib.sha256(json.dumps(of, sort_keys=True).encode())
        digest.update("\n".join(sequences).encode())
        digest.update(labels.tobytes())
        return f"{self.start}-seed{seed}-{digest.hexdigest()[:16]}"

    def _new_head(self, labels: np.ndarray, seed: int) -> Any:
        from glmkit.models import new_classifier, new_regressor
        from glmkit.train import freeze, lora

        how = self.how
        base = untrained(self.model, seed) if self.start == "scratch" else copy.deepcopy(self.model)
        if self.kind == "regression":
            head: Any = new_regressor(base, targets=labels, pool=how.pool, dropout=how.dropout, seed=seed)
        else:
            count = 2 if self.kind == "classification" else self.classes or int(labels.max()) + 1
            check_multiclass(labels, count)
            head = new_classifier(base, [str(k) for k in range(count)], pool=how.pool, dropout=how.dropout, seed=seed)
        if how.trainable == "lora":
            lora(head, seed=seed)
        else:
            freeze(head, 1 if how.trainable == "last" else how.trainable)
        return head

    def _train(self, head: Any, sequences: Sequence[str], labels: np.ndarray, seed: int, folder: Path | None) -> None:
        from glmkit.train import Classification, Regression, TrainConfig, fit

        how = self.how
        objective = Regression if self.kind == "regression" else Classification
        names = [str(i) if self.groups is None else str(self.groups[s]) for i, s in enumerate(sequences)]
        sides = next(GroupShuffleSplit(1, test_size=how.validation, random_state=seed).split(names, groups=names))
        parts = []
        for items in sides:
            read = self._read([sequences[i] for i in items])
            parts.append((EncodedWindows(read, head.tokenizer), objective(labels[items])))
        (corpus, learnt), validation = parts
        around = len(head.tokenizer.prefix) + len(head.tokenizer.suffix)
        each = max(1, int(np.ceil((corpus.lengths + around).sum() / how.batch_tokens)))
        config = TrainConfig(
            steps=how.epochs * each, learning_rate=how.learning_rate, weight_decay=how.weight_decay, batch_tokens=how.batch_tokens,
            validate_every=each, patience=how.patience, checkpoint_every=each, precision=how.precision, device=how.device, seed=seed,
        )  # fmt: skip
        result = fit(head, corpus, learnt, config, folder=folder, validation=validation, log=self.log, stop=self.stop)
        if result.reason == "stopped":
            raise KeyboardInterrupt(f"{self.name}, seed {seed}: stopped on request. Run it again, and it goes on.")
