"""A language model, fine-tuned anew on each training side of a comparison.

It is given the same training items as every baseline and holds a tenth of them back for early stopping, whole groups if groups are given.
No test item thus decides when training ends. The trade-off against the fine-tuning notebooks: one call evaluates a model on any table of
sequences, on every split and seed. An interrupted comparison resumes from the last *finished* training (kept under ``folder``) and from
the checkpoint of the interrupted one.
"""

import copy
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.model_selection import GroupShuffleSplit

from glmkit.data import EncodedWindows
from glmkit.errors import BadInput
from glmkit.evaluate.estimators.random_weights import untrained
from glmkit.evaluate.method import check_fitted
from glmkit.evaluate.metrics.multiclass import check_multiclass
from glmkit.evaluate.metrics.registry import Kind

if TYPE_CHECKING:
    from glmkit.models.networks import Pool

_HEADS = ("classification", "multiclass", "regression")


@dataclass(frozen=True, kw_only=True)
class FineTuning:  # numpydoc ignore=PR02
    """Settings of the fine-tuning of a model for a comparison.

    Parameters
    ----------
    epochs
        Largest number of passes over the training items, 1 or more.
    patience
        Number of validations (one a pass) without improvement after which training stops; 0 never stops.
    trainable
        Weights trained in addition to the head: ``"all"``, those of the ``"last"`` block, ``"lora"`` adapters (rank 8), or only the
        ``"head"``.
    learning_rate
        Peak learning rate, above 0.
    weight_decay
        Weight decay of matrices, 0 or more.
    dropout
        Dropout before the head, in [0, 1).
    batch_tokens
        Tokens of a training step.
    reach
        Number of letters read from the start of a sequence; None for the whole sequence, up to the model's context.
    pool
        Pooling of hidden states into one vector.
    validation
        Share of the training items that is held back, in (0, 0.9).
    precision, device
        As in :class:`glmkit.train.TrainConfig`.

    Raises
    ------
    BadInput
        A count or share out of range.

    Examples
    --------
    >>> from glmkit.evaluate import FineTuning
    >>> FineTuning(epochs=3, trainable="lora").learning_rate
    0.001
    """

    epochs: int = 10
    patience: int = 3
    trainable: Literal["all", "last", "lora", "head"] = "all"
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    dropout: float = 0.1
    batch_tokens: int = 4096
    reach: int | None = None
    pool: "Pool" = "mean"
    validation: float = 0.1
    precision: Literal["auto", "float32", "bf16"] = "float32"
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.epochs < 1 or (self.reach is not None and self.reach < 1):
            raise BadInput(f"FineTuning: epochs and reach are 1 or more, got {self.epochs} and {self.reach}.")
        if not 0 < self.validation < 0.9:
            raise BadInput(f"FineTuning.validation must lie between 0 and 0.9, got {self.validation}.")


class FineTuned:
    """A language model that is fine-tuned on each training side of :func:`glmkit.evaluate.compare`.

    Parameters
    ----------
    model
        A LanguageModel; a copy of it is trained.
    kind
        ``"classification"``, ``"multiclass"`` or ``"regression"``.
    how
        Settings; None for the defaults.
    name
        Name for tables; None for ``"pretrained, fine-tuned"`` or ``"same network from scratch"``.
    description
        One line for tables; None for one made from the settings.
    start
        ``"pretrained"``, or ``"scratch"``: the same network from random weights, which shows the contribution of pretraining.
    classes
        Number of classes, for ``"multiclass"``; None for the largest label in training plus one.
    groups
        Unit of independence of each sequence, for the validation items; None if sequences are independent.
    folder
        Folder of finished models and checkpoints, from which an interrupted run resumes; None keeps nothing.
    log
        Function that is called with (step, metrics by name) during training.
    stop
        Function that is called between steps and returns whether to stop, as in :func:`glmkit.train.fit`.

    Examples
    --------
    >>> from glmkit.evaluate import FineTuned, FineTuning
    >>> from glmkit.models import TransformerConfig, new_model
    >>> from glmkit.tokens import make_tokenizer
    >>> tokenizer = make_tokenizer("base")
    >>> config = TransformerConfig(vocabulary_size=len(tokenizer.vocabulary), width=8, layers=1, heads=2, feedforward=16)
    >>> method = FineTuned(new_model(config, tokenizer), how=FineTuning(epochs=1, device="cpu"), name="ours")
    >>> method.description
    'pretrained network, then all weights fine-tuned for at most 1 epochs'
    >>> method.fit(["ACGTACGT", "TTTTTTTT"] * 6, [1, 0] * 6, seed=0).score(["ACGTACGA", "TTTTTTTA"]).shape
    (2,)
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
        """Identity in a results card: settings, and the language model it starts from with SHA-256 of its weights."""
        from glmkit.models import weights_hash

        of = {"card": self.model.card, "weights_sha256": weights_hash(self.model)}
        return {"start": self.start, "how": asdict(self.how), "language model": of}

    def fit(self, sequences: Sequence[str], labels: np.ndarray, seed: int = 0) -> "FineTuned":
        """Fine-tune a copy of the model.

        Parameters
        ----------
        sequences
            Training sequences, n.
        labels
            0 or 1, class numbers, or measured values, (n,).
        seed
            Seed of the validation items, the head, the order of items and dropout; with ``"scratch"`` of the network's weights too.

        Returns
        -------
        FineTuned
            The method itself, fitted.

        Raises
        ------
        BadInput
            Fewer than ten sequences, or labels that do not fit the kind.
        KeyboardInterrupt
            `stop` returned true; the same call resumes from the checkpoint if there is a folder.
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
        """Probability of class 1 or predicted value, float64 (n,); for multiclass tasks probabilities (n, classes)."""
        from glmkit.score import class_probabilities, predicted_values

        head, read = check_fitted(self, self._fitted), self._read(sequences)
        if self.kind == "regression":
            return predicted_values(head, read)[:, 0]
        probabilities = class_probabilities(head, read)
        return probabilities if self.kind == "multiclass" else probabilities[:, 1]

    def _read(self, sequences: Sequence[str]) -> list[str]:
        """The part of each sequence that the model reads: the first `reach` letters."""
        return [sequence[: self.how.reach] for sequence in sequences] if self.how.reach else list(sequences)

    def _key(self, sequences: Sequence[str], labels: np.ndarray, seed: int) -> str:
        """Folder name of a training, with a hash of everything that determines its weights."""
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
        (corpus, training), validation = parts
        around = len(head.tokenizer.prefix) + len(head.tokenizer.suffix)
        each = max(1, int(np.ceil((corpus.lengths + around).sum() / how.batch_tokens)))
        config = TrainConfig(
            steps=how.epochs * each, learning_rate=how.learning_rate, weight_decay=how.weight_decay, batch_tokens=how.batch_tokens,
            validate_every=each, patience=how.patience, checkpoint_every=each, precision=how.precision, device=how.device, seed=seed,
        )  # fmt: skip
        result = fit(head, corpus, training, config, folder=folder, validation=validation, log=self.log, stop=self.stop)
        if result.reason == "stopped":
            raise KeyboardInterrupt(f"{self.name}, seed {seed}: stopped on request. Run it again to resume.")
