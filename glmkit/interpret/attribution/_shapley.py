"""Shapley values: contribution of each position, averaged over sets of other known positions.

Hiding a single letter misses redundant information. The Shapley value averages a letter's contribution over all sets of other
letters, which is infeasible for a sequence. Here the sets follow a binary tree over neighbouring positions: first the halves of the
sequence, then the halves of the important ones (Owen values, PartitionExplainer of `shap`). The caller sets the number of
evaluations. When it is used up, the value of a stretch is shared evenly among its letters. The values always sum to the score
minus the base.

References
----------
Lundberg SM, Lee S-I (2017). A unified approach to interpreting model predictions. NeurIPS. arXiv:1705.07874.
Owen G (1977). Values of games with a priori unions. Mathematical Economics and Game Theory, 76-88.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from glmkit.errors import BadInput
from glmkit.interpret.attribution.explanation import Explanation
from glmkit.interpret.attribution.target import is_function, score_function

_TOGETHER = 32  # sets scored per batch; the tree is refined between batches


def shapley(
    model: Callable[[list[str]], np.ndarray] | Any,
    sequences: Sequence[str],
    *,
    target: int | None = None,
    partition: np.ndarray | None = None,
    background: str | Sequence[str] = "mask",
    evaluations: int = 500,
    seed: int = 0,
) -> Explanation:
    """Shapley (Owen) value of each token.

    Parameters
    ----------
    model
        A Classifier, explained by the log-odds of class `target`, or a Regressor; or any function from a list of sequences to one
        score each.
    sequences
        Sequences of any length.
    target
        Index of the class or output to explain; None for class 1, or output 0.
    partition
        Tree over the positions of sequences of equal length, (length - 1, 4), in the format of scipy's hierarchical clustering;
        None for recursive halving of each sequence.
    background
        Replacement of hidden tokens: ``mask``, the mask token, or sequences of the same length, over which the score is averaged
        (each costs as much as one evaluation with ``mask``).
    evaluations
        Maximum number of sets of hidden tokens to score per sequence. About ``length ** 2`` resolve every branch.
    seed
        Random seed for ties between branches, 0 or more.

    Returns
    -------
    Explanation
        ``values`` (n, longest), one per token; ``base`` is the score with all tokens hidden; ``gap`` (n,) is rounding error.

    Raises
    ------
    BadInput
        No sequence, a background or a tree of another length, or fewer than 3 evaluations.

    Examples
    --------
    >>> from glmkit.interpret import shapley
    >>> found = shapley(lambda windows: [window.count("A") for window in windows], ["ACAG"], background=["TTTT"])
    >>> found.values.round(3).tolist(), found.base.tolist()
    ([[1.0, 0.0, 1.0, 0.0]], [0.0])
    """
    import shap

    if isinstance(sequences, str) or len(sequences) == 0:
        raise BadInput("sequences: expected a list with at least one sequence.")
    if evaluations < 3:
        raise BadInput(f"evaluations: expected 3 or more (all hidden, none hidden, and one step between), got {evaluations}.")
    encode, score = _reader(model, target)
    rows = [encode(sequence) for sequence in sequences]
    hidden = _background(model, background, encode, rows)
    values = np.full((len(rows), max(map(len, rows))), np.nan, np.float32)
    scores, base = np.zeros(len(rows)), np.zeros(len(rows))
    for i, row in enumerate(rows):
        if len(row) == 1:
            scores[i], base[i] = score([row])[0], score([*hidden(1)]).mean()
            values[i, 0] = scores[i] - base[i]
            continue
        tree = halves(len(row)) if partition is None else _checked_tree(partition, len(row))
        masker = _masker(hidden(len(row)), tree)
        explainer = shap.PartitionExplainer(lambda x: score(list(x)), masker)
        with seeded(seed):
            found = explainer(row[None], max_evals=evaluations, batch_size=_TOGETHER, silent=True)
        values[i, : len(row)], base[i], scores[i] = found.values[0], np.ravel(found.base_values)[0], score([row])[0]
    shown = "mask" if isinstance(background, str) else f"{len(background)} sequences"
    method = f"Shapley values over a tree of positions ({evaluations} evaluations, background {shown})"
    return Explanation(values=values, score=scores, base=base, method=method)


def shapley_features(
    score: Callable[[np.ndarray], np.ndarray],
    X: np.ndarray | pd.DataFrame,
    background: np.ndarray | pd.DataFrame,
    *,
    evaluations: int | None = None,
    seed: int = 0,
) -> Explanation:
    """Shapley value of each column of a table, such as genes, SNPs or properties.

    Columns are revealed one after another in random orders, each forwards and backwards. The result is exact if at most two
    columns interact, and an average over the orders otherwise.

    Parameters
    ----------
    score
        Function from rows, float64 (rows, features), to one score each.
    X
        Rows to explain, (n, features).
    background
        Reference rows, (rows, features). Hidden columns take their values in turn, so time grows with their number; 50 suffice.
    evaluations
        Maximum number of sets of columns per row; None for 10 orders.
    seed
        Random seed of the orders, 0 or more.

    Returns
    -------
    Explanation
        ``values`` (n, features); ``base`` is the mean score of the background; ``gap`` (n,) is rounding error.

    Raises
    ------
    BadInput
        Tables that are empty or differ in columns, a function that does not give one finite score per row, or too few
        evaluations for one order of the columns.
    """
    import shap

    table, behind = np.asarray(X, np.float64), np.asarray(background, np.float64)
    if table.ndim != 2 or behind.ndim != 2 or table.shape[1] != behind.shape[1] or not len(table) or not len(behind):
        raise BadInput(f"Expected X (n, features) and a background with the same columns, got {table.shape} and {behind.shape}.")
    features = table.shape[1]
    least = 2 * features + 1
    if evaluations is not None and evaluations < least:
        raise BadInput(f"evaluations: expected at least {least} (one order of {features} columns), got {evaluations}.")

    def checked(rows: np.ndarray) -> np.ndarray:
        """One finite score per row; raises an error otherwise."""
        return _finite(score(np.asarray(rows, np.float64)), len(rows))

    most = 10 * least if evaluations is None else evaluations
    explainer = shap.PermutationExplainer(checked, _masker(behind))
    with seeded(seed):
        found = explainer(table, max_evals=most, batch_size=_TOGETHER, silent=True)
    base = np.broadcast_to(np.asarray(found.base_values, np.float64), len(table)).copy()
    method = f"Shapley values ({most // least} orders of the columns, background of {len(behind)} rows)"
    return Explanation(values=np.asarray(found.values, np.float32), score=checked(table), base=base, method=method)


def halves(length: int) -> np.ndarray:
    """Binary tree over neighbouring positions by recursive halving.

    Parameters
    ----------
    length
        Number of positions, 2 or more.

    Returns
    -------
    float64 array (length - 1, 4)
        Rows in the format of scipy's linkage: the two parts, their distance (here the length of the stretch), and its length.
    """
    rows: list[tuple[int, int, int, int]] = []

    def cut(start: int, stop: int) -> int:
        """Index of the node over a stretch; its parts have lower indices."""
        if stop - start == 1:
            return start
        middle = (start + stop) // 2
        left, right = cut(start, middle), cut(middle, stop)
        rows.append((left, right, stop - start, stop - start))
        return length + len(rows) - 1

    cut(0, length)
    return np.array(rows, dtype=np.float64)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Context with a seeded global random state of numpy, which `shap` uses; the previous state is restored afterwards.

    Parameters
    ----------
    seed
        Random seed, 0 or more.
    """
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


def _reader(model: Any, target: int | None) -> tuple[Callable[[str], np.ndarray], Callable[[list[np.ndarray]], np.ndarray]]:
    """Function from a sequence to token numbers, and function from rows of token numbers to scores."""
    if not is_function(model):
        read = score_function(model, target)
        return lambda sequence: np.asarray(model.tokenizer.encode(sequence)).astype(np.int64), read

    def score(rows: list[np.ndarray]) -> np.ndarray:
        """Scores of sequences given as character codes."""
        return _finite(model(["".join(map(chr, row)) for row in rows]), len(rows))

    return lambda sequence: np.frombuffer(sequence.encode("ascii", "replace"), np.uint8).astype(np.int64), score


def _finite(scores: Any, rows: int) -> np.ndarray:
    got = np.asarray(scores, dtype=np.float64)
    if got.shape != (rows,) or not np.isfinite(got).all():
        raise BadInput(f"The scoring function must return one finite score for each of {rows} rows, got {got.shape}.")
    return got


def _background(
    model: Any, background: str | Sequence[str], encode: Callable[[str], np.ndarray], rows: list[np.ndarray]
) -> Callable[[int], np.ndarray]:
    """Function from a length to the replacements of hidden tokens, int64 (choices, length)."""
    if empty := [i for i, row in enumerate(rows) if len(row) == 0]:
        raise BadInput(f"sequences[{empty[0]}] is empty. Remove it first.")
    if isinstance(background, str):
        if background != "mask":
            raise BadInput(f"background: expected 'mask' or a list of sequences, got {background!r}.")
        if is_function(model):
            raise BadInput("background: a scoring function has no mask token. Pass a list of sequences as the background.")
        return lambda length: np.full((1, length), model.tokenizer.mask_id, np.int64)
    choices = [encode(sequence) for sequence in background]
    lengths, wanted = sorted({len(choice) for choice in choices}), sorted({len(row) for row in rows})
    if len(lengths) != 1 or wanted != lengths:
        raise BadInput(f"background: expected sequences as long as those explained, {wanted} tokens, got {lengths}.")
    table = np.stack(choices)
    return lambda length: table


def _checked_tree(tree: np.ndarray, length: int) -> np.ndarray:
    found = np.asarray(tree, np.float64)
    if found.shape != (length - 1, 4):
        raise BadInput(
            f"partition: expected {(length - 1, 4)} for {length} tokens, in the format of scipy's linkage, got {found.shape}."
        )
    return found


def _masker(hidden: np.ndarray, tree: np.ndarray | None = None) -> Any:
    """Masker of `shap`: each set of hidden tokens gives one row per replacement, (choices, length)."""
    import shap

    class Hide(shap.maskers.Masker):
        """Replaces hidden tokens by the background."""

        clustering, shape = tree, (None, hidden.shape[1])

        def __call__(self, mask: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
            """Rows with hidden tokens replaced, (choices, length)."""
            return (np.where(self._standardize_mask(mask, x), x, hidden),)

    return Hide()
