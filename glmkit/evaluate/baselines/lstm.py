"""A small LSTM trained on the same sequences: the neural baseline without attention and without pretraining.

It is trained in the same loop as the models of the comparison (:func:`glmkit.train.fit`), so that only the network differs. Groups are
not given to baselines, so a random tenth of the training items is held out for early stopping.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glmkit.data import EncodedWindows
from glmkit.errors import BadInput
from glmkit.evaluate.baselines.protein.nearest_blast import AlphabetName
from glmkit.evaluate.method import check_fitted
from glmkit.evaluate.metrics.multiclass import check_multiclass
from glmkit.evaluate.metrics.registry import Kind, check_values
from glmkit.tokens import BaseTokenizer, LetterTokenizer

if TYPE_CHECKING:
    from glmkit.models.networks import Pool

_KINDS = ("classification", "regression", "multiclass")


class RecurrentNetwork:
    """Bidirectional LSTM on single letters with a pooled head, trained from scratch.

    Parameters
    ----------
    epochs
        Largest number of passes over the training items, 1 or more.
    width, layers
        Width and number of layers of the network.
    pool
        ``"centre"`` takes the states of both directions in the middle, suitable for sites and whole windows; ``"mean"`` blurs a site
        (AUROC .66 against .85 on translation starts) and is suitable for whole proteins. None: the first for DNA, the second for
        proteins.
    learning_rate
        Peak learning rate, above 0.
    batch_tokens
        Number of letters of a training step.
    device
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    kind
        ``"classification"``, ``"regression"`` or ``"multiclass"``.
    alphabet
        ``"dna"`` or ``"protein"``.
    reach
        Number of letters read from the start of a sequence; None for all.
    trim
        For mutants of one protein: read only from the first to the last position that varies in training, with `flank` letters on
        either side. The rest is equal in all mutants and takes most of the time.
    flank
        Number of letters kept on either side of the varying part.
    patience
        Number of validations, of twelve, without improvement after which training stops; the best weights are kept. 12 never stops,
        for few items, where the loss may fall late.
    classes
        Number of classes, for ``"multiclass"``; None for the largest label in training plus one.

    Raises
    ------
    BadInput
        No epochs, or an unknown kind. From ``fit``: labels that do not fit, or different lengths with `trim`.

    Examples
    --------
    >>> from glmkit.evaluate.baselines import RecurrentNetwork
    >>> method = RecurrentNetwork(epochs=1, width=8, device="cpu")
    >>> method.fit(["ACGTACGT", "TTTTTTTT"] * 10, [1, 0] * 10, seed=0).score(["ACGTACGA", "TTTTTTTA", "CCCC"]).shape
    (3,)
    """

    name = "LSTM"
    random = True

    def __init__(
        self,
        epochs: int = 8,
        width: int = 64,
        layers: int = 1,
        pool: "Pool | None" = None,
        learning_rate: float = 3e-3,
        batch_tokens: int = 8192,
        device: str = "auto",
        *,
        kind: Kind = "classification",
        alphabet: AlphabetName = "dna",
        reach: int | None = None,
        trim: bool = False,
        flank: int = 8,
        patience: int = 4,
        classes: int | None = None,
    ) -> None:
        if epochs < 1:
            raise BadInput(f"epochs: expected at least 1, got {epochs}. Leave the baseline out of the comparison instead.")
        if kind not in _KINDS:
            raise BadInput(f"kind: expected one of {', '.join(_KINDS)}, got {kind!r}.")
        self.epochs, self.width, self.layers = epochs, width, layers
        self.pool: Pool = pool or ("centre" if alphabet == "dna" else "mean")
        self.learning_rate, self.batch_tokens, self.device = learning_rate, batch_tokens, device
        self.kind, self.alphabet, self.reach, self.trim, self.flank, self.classes = kind, alphabet, reach, trim, flank, classes
        letters = "single bases" if alphabet == "dna" else "residues"
        read = f" (the first {reach})" if reach else " around those that vary in training" if trim else ""
        self.description = (
            f"bidirectional LSTM ({layers} layer{'s' if layers > 1 else ''}, width {width}, {self.pool} pooling) on {letters}{read}, "
            f"trained from scratch for at most {epochs} epochs with early stopping"
        )
        self.patience = patience
        self._part = slice(0, reach)
        self._model: Any = None

    def fit(self, sequences: Sequence[str], labels: np.ndarray, seed: int = 0) -> "RecurrentNetwork":
        """Train on nine tenths of the items, with early stopping on the other tenth.

        Parameters
        ----------
        sequences
            Sequences, n.
        labels
            0 or 1, class numbers, or measured values, (n,).
        seed
            Seed of the weights, the order of items and the held-out tenth.

        Returns
        -------
        RecurrentNetwork
            The method itself, fitted.
        """
        from glmkit.train import Classification, Regression, fit

        regression = self.kind == "regression"
        width = 2 if self.kind == "classification" else self.classes or int(np.max(labels)) + 1
        labels = check_values(labels) if regression else check_multiclass(np.asarray(labels).astype(np.int64), width)
        self._part = varying(sequences, self.flank) if self.trim else slice(0, self.reach)
        tokenizer = BaseTokenizer() if self.alphabet == "dna" else LetterTokenizer()
        order = np.random.default_rng(seed).permutation(len(sequences))
        parts = np.split(order, [len(order) - max(2, len(order) // 10)])
        self._model = self._new(tokenizer, labels[parts[0]], width, seed)
        objective = Regression if regression else Classification
        train, held = (
            (EncodedWindows([sequences[i][self._part] for i in items], tokenizer), objective(labels[items])) for items in parts
        )
        fit(self._model, *train, self._settings(train[0].lengths.sum(), seed), validation=held)
        return self

    def score(self, sequences: Sequence[str]) -> np.ndarray:
        """Probability of class 1, probabilities of all classes, or predicted values.

        Parameters
        ----------
        sequences
            Sequences, n.

        Returns
        -------
        float64 array (n,) or (n, classes)
            Values in the units of the labels for regression, else probabilities.
        """
        from glmkit.score import class_probabilities, predicted_values

        model = check_fitted(self, self._model)
        read = [sequence[self._part] for sequence in sequences]
        if self.kind == "regression":
            return predicted_values(model, read)[:, 0]
        probabilities = class_probabilities(model, read)
        return probabilities if self.kind == "multiclass" else probabilities[:, 1]

    def _new(self, tokenizer: Any, labels: np.ndarray, width: int, seed: int) -> Any:
        """A network with random weights and the head for its kind."""
        from glmkit.models import LSTMConfig, new_classifier, new_model, new_regressor

        config = LSTMConfig(vocabulary_size=len(tokenizer.vocabulary), width=self.width, layers=self.layers, dropout=0.1)
        model = new_model(config, tokenizer, seed)
        if self.kind == "regression":
            return new_regressor(model, targets=labels, pool=self.pool, dropout=0.1, seed=seed)
        return new_classifier(model, list(map(str, range(width))), pool=self.pool, dropout=0.1, seed=seed)

    def _settings(self, letters: int, seed: int) -> Any:
        from glmkit.train import TrainConfig

        steps = max(1, int(np.ceil(self.epochs * letters / self.batch_tokens)))
        return TrainConfig(
            steps=steps,
            learning_rate=self.learning_rate,
            batch_tokens=self.batch_tokens,
            validate_every=max(1, steps // 12),
            patience=self.patience,
            seed=seed,
            device=self.device,
        )


def varying(sequences: Sequence[str], flank: int = 0) -> slice:
    """The part of mutants of one protein that differs between them.

    Parameters
    ----------
    sequences
        Mutants of one length.
    flank
        Number of letters kept on either side.

    Returns
    -------
    slice
        Positions from 0, half-open; the whole sequence if nothing varies.

    Raises
    ------
    BadInput
        The lengths differ.
    """
    if odd := next((i for i, sequence in enumerate(sequences) if len(sequence) != len(sequences[0])), 0):
        raise BadInput(
            f"Expected mutants of one length, but sequence 0 has {len(sequences[0])} letters and sequence {odd} has "
            f"{len(sequences[odd])}. Leave trim out."
        )
    places = [i for i, column in enumerate(zip(*sequences, strict=True)) if len(set(column)) > 1]
    return slice(max(0, places[0] - flank), places[-1] + 1 + flank) if places else slice(0, len(sequences[0]))
