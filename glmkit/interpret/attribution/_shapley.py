"""Shapley values: what a position adds, averaged over what else is known.

Hiding one letter misses what two letters tell twice; the Shapley value asks for a letter's worth among every set of others, which is
beyond counting for a sequence. Here the sets follow a binary tree over neighbouring positions: halves of the sequence first, then halves
of those that matter (Owen values, `shap`'s PartitionExplainer). The cost is a number of evaluations that the caller chooses: where they run
out, a stretch keeps one value, shared evenly among its letters. The values always sum to the score less the base.

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

_TOGETHER = 32  # sets scored at once; the tree is refined between


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
        A Classifier, followed by the log-odds of class `target`, or a Regressor; or any function from a list of sequences to one
        score each.
    sequences
        Of any lengths.
    target
        Class or output to follow; None for class 1, or output 0.
    partition
        Tree over the positions, (length - 1, 4) as scipy's hierarchical clustering gives it, for sequences of one length; None
        halves each sequence again and again.
    background
        What stands where a token is hidden: ``mask``, the mask token, or sequences of the same length, over whose letters
        the score is averaged (each costs as much as one evaluation of ``mask``).
    evaluations
        Most sets of hidden tokens a sequence that are scored. About ``length ** 2`` follow every branch to its end.
    seed
        Of ties between branches.

    Returns
    -------
    Explanation
        ``values`` (n, longest), one a token; ``base`` is the score with everything hidden; ``gap`` (n,) is rounding alone.

    Raises
    ------
    BadInput
        No sequence, a background that does not fit, a tree over another number of positions, or fewer than 3 evaluations.
    """
    import shap

    if isinstance(sequences, str) or len(sequences) == 0:
        raise BadInput("sequences: expected a list with at least one sequence.")
    if evaluations < 3:
        raise BadInput(f"evaluations: expected 3 or more (nothing known, all known, and a step between), got {evaluations}.")
    encode, score = _reader(model, target)
    rows = [encode(sequence) for sequence in sequences]
    hidden = _background(model, background, encode, rows)
    values = np.full((len(rows), max(map(len, rows))), np.nan, np.float32)
    told, base = np.zeros(len(rows)), np.zeros(len(rows))
    for i, row in enumerate(rows):
        if len(row) == 1:
            told[i], base[i] = score([row])[0], score([*hidden(1)]).mean()
            values[i, 0] = told[i] - base[i]
            continue
        tree = halves(len(row)) if partition is None else _checked_tree(partition, len(row))
        masker = _masker(hidden(len(row)), tree)
        explainer = shap.PartitionExplainer(lambda x: score(list(x)), masker)
        with seeded(seed):
            found = explainer(row[None], max_evals=evaluations, batch_size=_TOGETHER, silent=True)
        values[i, : len(row)], base[i], told[i] = found.values[0], np.ravel(found.base_values)[0], score([row])[0]
    shown = "mask" if isinstance(background, str) else f"{len(background)} sequences"
    method = f"Shapley values over a tree of positions ({evaluations} evaluations, background {shown})"
    return Explanation(values=values, score=told, base=base, method=method)


def shapley_features(
    score: Callable[[np.ndarray], np.ndarray],
    X: np.ndarray | pd.DataFrame,
    background: np.ndarray | pd.DataFrame,
    *,
    evaluations: int | None = None,
    seed: int = 0,
) -> Explanation:
    """Shapley value of each column of a table: genes, SNPs, properties.

    Columns become known one after another, in random orders, each forwards and backwards: exact where at most two columns act
    together, and an average over the orders where more do.

    Parameters
    ----------
    score
        From rows, float64 (rows, features), to one score each.
    X
        (n, features): the rows to explain.
    background
        (rows, features): a hidden column takes the values of these rows in turn, so time grows with their number; 50 will do.
    evaluations
        Most sets of columns a row; None for 10 orders.
    seed
        Of the orders.

    Returns
    -------
    Explanation
        ``values`` (n, features); ``base`` is the mean score of the background; ``gap`` (n,) is rounding alone.

    Raises
    ------
    BadInput
        Tables that are empty or have different columns, a function that does not give one finite score a row, or too few
        evaluations for one order of the columns.
    """
    import shap

    table, behind = np.asarray(X, np.float64), np.asarray(background, np.float64)
    if table.ndim != 2 or behind.ndim != 2 or table.shape[1] != behind.shape[1] or not len(table) or not len(behind):
        raise BadInput(f"Expected X (n, features) and a background with the same columns, got {table.shape} and {behind.shape}.")
    features = table.shape[1]
    least = 2 * features + 1
    if evaluations is not None and evaluations < least:
        raise BadInput(f"evaluations: one order of {features} columns needs {least}, got {evaluations}.")

    def checked(rows: np.ndarray) -> np.ndarray:
        """One finite score a row, or an error."""
        return _finite(score(np.asarray(rows, np.float64)), len(rows))

    most = 10 * least if evaluations is None else evaluations
    explainer = shap.PermutationExplainer(checked, _masker(behind))
    with seeded(seed):
        found = explainer(table, max_evals=most, batch_size=_TOGETHER, silent=True)
    base = np.broadcast_to(np.asarray(found.base_values, np.float64), len(table)).copy()
    method = f"Shapley values ({most // least} orders of the columns, background of {len(behind)} rows)"
    return Explanation(values=np.asarray(found.values, np.float32), score=checked(table), base=base, method=method)


def halves(length: int) -> np.ndarray:
    """A binary tree over neighbouring positions, each stretch cut in the middle.

    Parameters
    ----------
    length
        Positions, 2 or more.

    Returns
    -------
    float64 array (length - 1, 4)
        Rows as scipy's linkage has them: the two parts, their distance (here the length of the stretch), and its length.
    """
    rows: list[tuple[int, int, int, int]] = []

    def cut(start: int, stop: int) -> int:
        """Number of the node over a stretch; its parts come first."""
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
    """Set the global random state of numpy, from which `shap` draws; afterwards it is as it was.

    Parameters
    ----------
    seed
        0 or more.
    """
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


def _reader(model: Any, target: int | None) -> tuple[Callable[[str], np.ndarray], Callable[[list[np.ndarray]], np.ndarray]]:
    """How a sequence becomes numbers of its tokens, and how rows of such numbers are scored."""
    if not is_function(model):
        read = score_function(model, target)
        return lambda sequence: np.asarray(model.tokenizer.encode(sequence)).astype(np.int64), read

    def score(rows: list[np.ndarray]) -> np.ndarray:
        """Letters put together again, and scored."""
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
    """From a length to what may stand there: int64 (choices, length)."""
    if empty := [i for i, row in enumerate(rows) if len(row) == 0]:
        raise BadInput(f"sequences[{empty[0]}] is empty. Drop it first.")
    if isinstance(background, str):
        if background != "mask":
            raise BadInput(f"background: expected 'mask' or a list of sequences, got {background!r}.")
        if is_function(model):
            raise BadInput("background: a scoring function has no mask token. Pass a list of sequences to take letters from.")
        return lambda length: np.full((1, length), model.tokenizer.mask_id, np.int64)
    choices = [encode(sequence) for sequence in background]
    lengths, wanted = sorted({len(choice) for choice in choices}), sorted({len(row) for row in rows})
    if len(lengths) != 1 or wanted != lengths:
        raise BadInput(f"background: its sequences must be as long as those explained; got {lengths} tokens for {wanted}.")
    table = np.stack(choices)
    return lambda length: table


def _checked_tree(tree: np.ndarray, length: int) -> np.ndarray:
    found = np.asarray(tree, np.float64)
    if found.shape != (length - 1, 4):
        raise BadInput(
            f"partition: expected {(length - 1, 4)} for {length} tokens, as scipy's linkage gives it, got {found.shape}."
        )
    return found


def _masker(hidden: np.ndarray, tree: np.ndarray | None = None) -> Any:
    """`shap`'s interface to hiding: each set becomes as many rows as there are choices for what is hidden, (choices, length)."""
    import shap

    class Hide(shap.maskers.Masker):
        """Tokens that stay, and the background elsewhere."""

        clustering, shape = tree, (None, hidden.shape[1])

        def __call__(self, mask: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
            """Rows (choices, length)."""
            return (np.where(self._standardize_mask(mask, x), x, hidden),)

    return Hide()
