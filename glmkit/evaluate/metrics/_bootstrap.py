"""Bootstrap intervals of a metric over contigs, blocks, families or other units of independence."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from glmkit.errors import BadInput
from glmkit.evaluate.metrics.registry import check_scores, find_metric
from glmkit.statistics import Estimate, draw_groups, group_index, interval

_ENTRIES = 2_000_000  # weights held at once: 16 MB


def bootstrap(
    metric: str | Callable[[np.ndarray, np.ndarray], float],
    labels: Sequence[int] | np.ndarray,
    scores: Sequence[float] | np.ndarray,
    groups: Sequence[object] | np.ndarray | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Estimate:
    """A metric with its 95% interval over `draws` resamples of whole groups.

    Parameters
    ----------
    metric
        A name in :data:`glmkit.evaluate.METRICS`, such as ``"auroc"`` or ``"spearman"``, computed for all draws at once; or a
        function (labels, scores) -> float, called once a draw. It may return NaN for a draw that does not define it.
    labels
        0 or 1, measured values, or class numbers, (n,), or measured values (n, outputs), as the metric needs. A function may take any
        labels.
    scores
        Probability of class 1, or predicted values, (n,); probabilities (n, classes); predicted values (n, outputs).
    groups
        Unit of independence of each item (contig, block, family), (n,). None: items are independent.
    draws
        Number of resamples.
    seed
        Seed of the resampling; the same seed and groups draw the same resamples for every method.

    Returns
    -------
    Estimate
        The metric of all items, and its bounds.

    Raises
    ------
    BadInput
        Labels or scores that do not fit, fewer than two groups, or most draws with a single class.

    References
    ----------
    Efron B, Tibshirani RJ (1993). An introduction to the bootstrap, chapters 8 and 13.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.evaluate import bootstrap
    >>> labels = np.array([0, 1, 0, 1, 0, 1, 0, 1])
    >>> scores = np.array([0.1, 0.9, 0.2, 0.8, 0.6, 0.4, 0.3, 0.7])
    >>> print(bootstrap("auroc", labels, scores, groups=["a", "a", "b", "b", "c", "c", "d", "d"], draws=200))
    0.938 [0.438, 1.000]
    """
    if isinstance(metric, str):
        chosen = find_metric(metric)
        y, s = check_scores(np.asarray(labels), np.asarray(scores), chosen.kind_of(np.asarray(scores)))
        parts = [chosen.drawn(y, s, weights) for weights in item_weights(group_index(groups, len(y)), draws, seed)]
        return interval(chosen.value(y, s), np.concatenate(parts))
    y, s = np.asarray(labels), np.asarray(scores)
    if len(y) != len(s):
        raise BadInput(f"Expected one score for each label, got {len(y)} labels and {len(s)} scores.")
    drawn = []
    for weights in item_weights(group_index(groups, len(y)), draws, seed):
        for row in weights:
            items = np.repeat(np.arange(len(y)), row.astype(np.int64))
            drawn.append(metric(y[items], s[items]))
    return interval(metric(y, s), np.array(drawn, dtype=np.float64))


def item_weights(index: np.ndarray, draws: int, seed: int) -> Iterator[np.ndarray]:
    """How often each item was drawn in each draw, a few draws at a time to bound the memory.

    Parameters
    ----------
    index
        Group of each item, int64 (n,), from :func:`glmkit.statistics.group_index`.
    draws, seed
        Number of draws, and seed of the bootstrap.

    Yields
    ------
    float64 array (some draws, n)
        Counts.
    """
    counts = draw_groups(int(index.max()) + 1, draws, seed)
    step = max(1, _ENTRIES // len(index))
    for first in range(0, draws, step):
        yield counts[first : first + step, index]
