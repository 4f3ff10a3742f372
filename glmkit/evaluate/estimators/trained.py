"""Networks that an earlier stage trained, one a seed, as one method of a comparison.

Nothing is fitted here. The comparison's seed selects the network, so that its rows have the spread over trainings that the other
methods have. The training items of those networks must be those of the task; this cannot be checked here.
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
    >>> networks = {0: np.array([0.1, 0.8]), 1: np.array([0.3, 0.6])}  # stands for one file a seed
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
        """Keep the seed; inputs and labels are ignored."""
        self._seed = seed
        return self

    def score(self, inputs: Sequence[Any]) -> np.ndarray:
        """Scores that the network of the last ``fit``'s seed (0 before any) gives the inputs."""
        return self.predict(inputs, self._seed)
