"""A method of a comparison made of one function, for tests."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np


class FitScore:
    """A method whose function ``(train, labels, test, seed) -> scores`` trains and scores at once."""

    random = True

    def __init__(self, name: str, function: Callable[..., np.ndarray], description: str = "") -> None:
        self.name, self.function = name, function
        self.description = description or (function.__doc__ or name).splitlines()[0]

    def fit(self, inputs: Sequence[Any], labels: np.ndarray, seed: int = 0) -> Self:
        """Keep what the function is given later."""
        self.given = inputs, labels, seed
        return self

    def score(self, inputs: Sequence[Any]) -> np.ndarray:
        """Call the function."""
        train, labels, seed = self.given
        return self.function(train, labels, inputs, seed)
