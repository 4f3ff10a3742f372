"""The protocol that models and baselines meet, so that a comparison treats both alike.

:func:`glmkit.evaluate.compare` and its relatives take two sequences of methods; the sequence that a method is in decides whether its
rows are of kind "model" or "baseline". A method is fitted and scored once a seed. One that draws nothing at random is fitted with the
first seed only.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self, TypeVar

import numpy as np

from glmkit.errors import BadInput

State = TypeVar("State")
_PARTS = ("name", "description", "random", "fit", "score")


class Method(Protocol):
    """A model or baseline of a comparison.

    A further attribute ``card`` (a mapping, path, hash or model) is kept in the results card.

    Attributes
    ----------
    name
        Short name for tables and axes, unique within a comparison.
    description
        One line: features, estimator and its settings.
    random
        Whether the result depends on the seed; if not, the method is fitted with the first seed only.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.evaluate import Fold, Task, compare
    >>> from glmkit.evaluate.baselines import Majority
    >>> class Length:
    ...     name, description, random = "length", "length of the sequence", False
    ...
    ...     def fit(self, inputs, labels, seed=0):
    ...         return self
    ...
    ...     def score(self, inputs):
    ...         return np.array([len(sequence) / 20 for sequence in inputs])
    >>> task = Task(
    ...     name="toy", sequences=["A" * n for n in range(1, 13)], labels=np.array([0, 1] * 3 + [0, 0, 0, 1, 1, 1]),
    ...     groups=[str(n) for n in range(12)], splits={"held out": Fold(np.arange(6), np.arange(6, 12))},
    ... )
    >>> compare(task, [Length()], [Majority()], seeds=[0], draws=50).frame[["method", "kind", "auroc"]]
         method      kind  auroc
    0    length     model    1.0
    1  majority  baseline    0.5
    """

    name: str
    description: str
    random: bool

    def fit(self, inputs: Sequence[Any], labels: np.ndarray, /, seed: int = 0) -> Self:
        """Train on inputs and their labels.

        Parameters
        ----------
        inputs
            Training items, n: sequences, or names of cells.
        labels
            0 and 1, or class numbers, int64 (n,); measured values, float64 (n,) or (n, outputs).
        seed
            Seed of everything that is drawn at random, 0 or more.

        Returns
        -------
        Self
            The method itself, fitted.
        """

    def score(self, inputs: Sequence[Any], /) -> np.ndarray:
        """Scores of further inputs, float64.

        Parameters
        ----------
        inputs
            Test items, n.

        Returns
        -------
        numpy.ndarray
            (n,): values in [0, 1], higher for class 1, or predicted values; (n, classes): probabilities; (n, outputs): values.
        """


def check_fitted(method: Any, state: State | None) -> State:
    """`state`, which ``fit`` sets, or an error if ``fit`` has not been called.

    Parameters
    ----------
    method
        Method; its ``name``, or else its ``repr``, is in the message.
    state
        Attribute that is None before ``fit``.

    Returns
    -------
    State
        The same object.

    Raises
    ------
    BadInput
        `state` is None.
    """
    if state is None:
        raise BadInput(
            f"{getattr(method, 'name', None) or repr(method)} has not been fitted. Call fit with the training data first."
        )
    return state


def check_methods(argument: str, methods: Any, needed: Sequence[str] = _PARTS) -> list[Method]:
    """The methods of one argument of a comparison as a list.

    Parameters
    ----------
    argument
        Name of the argument, for the message.
    methods
        Value of the argument.
    needed
        Attributes that each method must have.

    Returns
    -------
    list of Method
        The methods in their order.

    Raises
    ------
    BadInput
        A mapping, a single method, or an object without one of the attributes.
    """
    form = f"{argument}=[Trained(name, description, lambda inputs, seed: ...), FineTuned(model), Majority()]"
    if isinstance(methods, Mapping):
        raise BadInput(f"{argument}: expected a sequence of methods, each with its own name, got a mapping. Write {form}.")
    if isinstance(methods, str) or not hasattr(methods, "__iter__"):
        raise BadInput(f"{argument}: expected a sequence of methods, got a {type(methods).__name__}. Write {form}.")
    found = list(methods)
    for method in found:
        if missing := [part for part in needed if not hasattr(method, part)]:
            raise BadInput(
                f"{argument}: expected methods with {', '.join(needed)}, got a {type(method).__name__} without {', '.join(missing)}. "
                f"Write {form}."
            )
    return found


def check_names(methods: Sequence[Method]) -> None:
    """An error if two methods share a name."""
    names = [method.name for method in methods]
    if len(set(names)) < len(names):
        raise BadInput(f"Expected a different name for each method, got {', '.join(names)}. Set name= on one of them.")
