"""A small LSTM trained on the same windows: the neural baseline without attention and without pretraining.

It goes through the same loop as the models it is compared with (:func:`glmkit.train.fit`), so that what differs is the
network, not the care that training got. A share of the *training* groups cannot be told apart here, so a random tenth of the
training windows is held out for early stopping.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from glmkit.data import EncodedWindows
from glmkit.errors import BadInput


class RecurrentNetwork:
    """Bidirectional LSTM on single bases with a pooled head, trained from scratch.

    Parameters
    ----------
    epochs
        Passes over the training windows at most.
    width, layers
        Of the network.
    pool
        ``"centre"`` reads both directions where they meet, which serves sites and whole windows alike; ``"mean"`` blurs a site
        (AUROC .66 against .85 on translation starts).
    learning_rate
        Peak.
    batch_tokens
        Bases of a step.
    device
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    """

    name = "LSTM"
    random = True

    def __init__(
        self,
        epochs: int = 8,
        width: int = 64,
        layers: int = 1,
        pool: Literal["mean", "centre", "first", "last"] = "centre",
        learning_rate: float = 3e-3,
        batch_tokens: int = 8192,
        device: str = "auto",
    ) -> None:
        if epochs < 1:
            raise BadInput(f"epochs: expected at least 1, got {epochs}. Leave the baseline out of the comparison instead.")
        self.epochs, self.width, self.layers, self.pool = epochs, width, layers, pool
        self.learning_rate, self.batch_tokens, self.device = learning_rate, batch_tokens, device
        self.description = (
            f"bidirectional LSTM ({layers} layer{'s' if layers > 1 else ''}, width {width}, {pool} pooling) on single bases, "
            f"trained from scratch for at most {epochs} epochs with early stopping"
        )
        self._model: Any = None

    def fit(self, sequences: Sequence[str], labels: np.ndarray, seed: int = 0) -> "RecurrentNetwork":
        """Train on nine tenths of the windows, stop early on the last.

        Parameters
        ----------
        sequences
            Windows.
        labels
            0 or 1 each.
        seed
            Of weights, order and the tenth.

        Returns
        -------
        RecurrentNetwork
            The same object, fitted.
        """
        from glmkit.models import LSTMConfig, new_classifier, new_model
        from glmkit.tokens import BaseTokenizer
        from glmkit.train import Classification, TrainConfig, fit

        labels = np.asarray(labels, dtype=np.int64)
        tokenizer = BaseTokenizer()
        config = LSTMConfig(vocabulary_size=len(tokenizer.vocabulary), width=self.width, layers=self.layers, dropout=0.1)
        language_model = new_model(config, tokenizer, seed)
        self._model = new_classifier(language_model, ["0", "1"], pool=self.pool, dropout=0.1, seed=seed)
        order = np.random.default_rng(seed).permutation(len(sequences))
        parts = []
        for items in np.split(order, [len(order) - max(2, len(order) // 10)]):
            parts.append((EncodedWindows([sequences[i] for i in items], tokenizer), Classification(labels[items])))
        train, held = parts
        steps = max(1, int(np.ceil(self.epochs * train[0].lengths.sum() / self.batch_tokens)))
        settings = TrainConfig(
            steps=steps,
            learning_rate=self.learning_rate,
            batch_tokens=self.batch_tokens,
            validate_every=max(1, steps // 12),
            patience=4,
            seed=seed,
            device=self.device,
        )
        fit(self._model, *train, settings, validation=held)
        return self

    def score(self, sequences: Sequence[str]) -> np.ndarray:
        """Probability of class 1.

        Parameters
        ----------
        sequences
            Windows.

        Returns
        -------
        float64 array (n,)
            In [0, 1].
        """
        from glmkit.score import class_probabilities

        if self._model is None:
            raise BadInput("LSTM has not been fitted. Call fit(sequences, labels, seed) first.")
        return class_probabilities(self._model, sequences)[:, 1]
