"""A small recurrent language model, trained on the training sequences alone, as a source of features.

It is the reference for the contribution of pretraining on millions of sequences. It learns to predict each letter from the preceding
ones, without labels. A linear model then predicts the labels from its mean hidden state and its log-likelihood a letter. If a large
model is no better, its pretraining adds nothing for this task.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from glmkit.data import EncodedWindows
from glmkit.errors import BadInput
from glmkit.evaluate.baselines.protein.nearest_blast import AlphabetName
from glmkit.evaluate.estimators.linear_probe import Probe
from glmkit.evaluate.method import check_fitted
from glmkit.evaluate.metrics.registry import Kind
from glmkit.tokens import BaseTokenizer, LetterTokenizer

Cell = Literal["lstm", "gru", "rnn"]
_TITLES = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}


class RecurrentLanguage:
    """Ridge or logistic regression on a recurrent language model of the training sequences.

    Parameters
    ----------
    kind
        ``"classification"``, ``"regression"`` or ``"multiclass"``.
    alphabet
        ``"protein"`` or ``"dna"``.
    cell
        ``"lstm"``, ``"gru"``, or ``"rnn"``, Elman's network.
    width, layers
        Width and number of layers of the network.
    steps
        Number of optimiser steps, independent of the size of the training set.
    batch_tokens
        Number of letters of a training step.
    learning_rate
        Peak learning rate, above 0.
    reach
        Number of letters read from the start of a sequence; None for all.
    groups
        Unit of independence of each sequence, for choosing the penalty; None if sequences are independent.
    classes
        Number of classes, for ``"multiclass"``; None for the largest label in training plus one.
    device
        ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    BadInput
        No steps, or an unknown cell.

    Examples
    --------
    >>> from glmkit.evaluate.baselines import RecurrentLanguage
    >>> method = RecurrentLanguage(alphabet="dna", width=8, steps=2, device="cpu")
    >>> method.fit(["ACGTACGT", "TTTTTTTT"] * 10, [1, 0] * 10, seed=0).score(["ACGTACGA", "TTTTTTTA", "CCCC"]).shape
    (3,)
    """

    random = True

    def __init__(
        self,
        kind: Kind = "classification",
        alphabet: AlphabetName = "protein",
        *,
        cell: Cell = "lstm",
        width: int = 64,
        layers: int = 1,
        steps: int = 100,
        batch_tokens: int = 4096,
        learning_rate: float = 5e-3,
        reach: int | None = None,
        groups: Mapping[Any, object] | None = None,
        classes: int | None = None,
        device: str = "auto",
    ) -> None:
        if steps < 1 or cell not in _TITLES:
            raise BadInput(f"Expected at least 1 step and a cell of {', '.join(_TITLES)}, got steps={steps} and cell={cell!r}.")
        self.kind, self.alphabet, self.cell, self.width, self.layers = kind, alphabet, cell, width, layers
        self.steps, self.batch_tokens, self.learning_rate, self.reach = steps, batch_tokens, learning_rate, reach
        self.groups, self.classes, self.device = groups, classes, device
        self.name = f"{_TITLES[cell]} language model"
        what = "ridge" if kind == "regression" else "logistic"
        self.description = (
            f"{what} regression on the mean hidden state and log-likelihood of a causal {_TITLES[cell]} (width {width}) that was trained "
            f"on the training sequences for {steps} steps"
        )
        self.model: Any = None
        self._probe: Probe | None = None

    def fit(self, sequences: Sequence[str], labels: np.ndarray, seed: int = 0) -> "RecurrentLanguage":
        """Train the language model on the sequences, then the linear model on their labels.

        Parameters
        ----------
        sequences
            Sequences, n.
        labels
            0 or 1, class numbers, or measured values, (n,).
        seed
            Seed of the weights, the order of items and the linear model's inner folds.

        Returns
        -------
        RecurrentLanguage
            The method itself, fitted; ``model`` is the language model.
        """
        from glmkit.models import LSTMConfig, new_model
        from glmkit.train import CausalLanguageModel, TrainConfig, fit

        tokenizer = BaseTokenizer() if self.alphabet == "dna" else LetterTokenizer()
        config = LSTMConfig(
            vocabulary_size=len(tokenizer.vocabulary), width=self.width, layers=self.layers, cell=self.cell, causal=True
        )
        self.model = new_model(config, tokenizer, seed)
        settings = TrainConfig(
            steps=self.steps,
            learning_rate=self.learning_rate,
            batch_tokens=self.batch_tokens,
            seed=seed,
            device=self.device,
        )
        read = EncodedWindows([sequence[: self.reach] for sequence in sequences], tokenizer)
        fit(self.model, read, CausalLanguageModel(), settings)
        self._probe = Probe(self.features, self.kind, self.groups, name=self.name, classes=self.classes)
        self._probe.fit(sequences, labels, seed)
        return self

    def score(self, sequences: Sequence[str]) -> np.ndarray:
        """Predicted values, or probabilities of class 1, float64 (n,); (n, classes) for multiclass tasks."""
        return check_fitted(self, self._probe).score(sequences)

    def features(self, sequences: Sequence[str]) -> np.ndarray:
        """Features of the linear model.

        Parameters
        ----------
        sequences
            Sequences, n.

        Returns
        -------
        float64 array (n, width + 1)
            The mean hidden state of the last layer, and the log-likelihood in nats a letter.
        """
        from glmkit.score import embed, log_likelihood

        read = [sequence[: self.reach] for sequence in sequences]
        nats = log_likelihood(self.model, read, "causal") / np.array([len(sequence) for sequence in read])
        return np.column_stack([embed(self.model, read), nats])
