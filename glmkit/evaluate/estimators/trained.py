"""Networks that an earlier stage trained, one for each seed, as one method of a comparison.

Nothing is fitted here. The comparison's seed selects the network, so that the rows include the variation between trainings. The networks
must have been trained on the training items of the task, which cannot be verified here.
"""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np


class Trained:
    """A method whose training happened elsewhere.

    Parameters
    ----------
    name
        Short name for tables and axes.
    description
        One line: architecture and how it was trained.
    predict
        Function ``(inputs, seed) -> scores``: (n,) in [0, 1], higher for class 1, or predicted values; (n, classes) probabilities; (n,
        outputs) values.
    random
        Whether there is a network for each seed; if not, the method is scored with the first seed only.
    card
        Identity of the networks for the results card: a mapping, a path, a hash or a model; None leaves it out.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.evaluate import Trained
    >>> networks = {0: np.array([0.1, 0.8]), 1: np.array([0.3, 0.6])}
    >>> method = Trained("fine-tuned", "transformer, then coding frames", lambda inputs, seed: networks[seed][inputs])
    >>> method.fit([], np.array([]), seed=1).score([1, 0])
    array([0.6, 0.3])
    """

    def __init__(
        self,
        name: str,
        description: str,
        predict: Callable[[Sequence[Any], int], np.ndarray],
        *,
        random: bool = True,
        card: Any = None,
    ) -> None:
        self.name, self.description, self.random, self.card = name, description, random, card
        self.predict = predict
        self._seed = 0

    def fit(self, inputs: Sequence[Any], labels: np.ndarray, seed: int = 0) -> Self:
        """Set the seed; inputs and labels are ignored."""
        self._seed = seed
        return self

    def score(self, inputs: Sequence[Any]) -> np.ndarray:
        """Scores of the network selected by the seed of the last ``fit``; seed 0 before any."""
        return self.predict(inputs, self._seed)
