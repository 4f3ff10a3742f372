"""Measured values as tokens: each feature of a panel (a protein, a peak) says in which of a few bins its value lies.

A Transformer over tokens has no number line, so a value becomes one of a feature's own tokens ``CD4:0`` … ``CD4:7``, from low
to high, or ``CD4:?`` where nobody knows it. Bins cost resolution (the expected value over them gives most of it back) and buy
what language models are good at: hiding a value, predicting a distribution over it, and living without it.

Edges are quantiles of the training cells, feature by feature, and are values that occurred, so that no bin is empty. Many
features are zero in most cells: where a bin's share of cells or more tie at the least value, that value is a bin of its own and
the others divide the rest. A feature that never varied has a single bin.

Counts are made comparable between cells first: ``clr``, the centred log-ratio over the panel's features of a cell, for surface
proteins (Stoeckius et al. 2017, doi:10.1038/nmeth.4380); ``binary``, open or closed, for peaks; ``log1p`` of counts per 10,000
of the panel's counts in the cell.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from glmkit.errors import BadInput
from glmkit.tokens.cells.csr_blocks import CHUNK, count_blocks

Normalise = Literal["clr", "binary", "log1p"]
UNKNOWN = "?"
BINS = 8
PER = 10_000


class Panel:
    """Features, how their counts become values, and how values become bins; `Panel.fit` makes one from training cells.

    Parameters
    ----------
    name
        Of the modality, such as ``protein``.
    features
        Names, as in ``var_names``.
    normalise
        ``clr``, ``binary`` or ``log1p``.
    edges
        For each feature the least value of every bin but the first, rising.
    centres
        For each feature the mean value of the training cells in every bin: one more than it has edges.

    Attributes
    ----------
    starts
        int64 (features + 1,): where each feature's tokens begin among the panel's; the first is the unknown value, the others
        are bins.
    tokens
        Names of all tokens, in order.

    Raises
    ------
    BadInput
        No feature, one twice, an unknown way to normalise, or edges and centres that do not fit.
    """

    def __init__(
        self,
        name: str,
        features: Sequence[str],
        normalise: Normalise,
        edges: Sequence[ArrayLike],
        centres: Sequence[ArrayLike],
    ) -> None:
        self.name, self.features, self.normalise = name, tuple(map(str, features)), normalise
        self.edges = tuple(np.asarray(values, np.float64) for values in edges)
        self.centres = tuple(np.asarray(values, np.float64) for values in centres)
        check_features(name, self.features)
        if normalise not in get_args(Normalise):
            raise BadInput(f"normalise: expected one of {', '.join(get_args(Normalise))}, got {normalise!r}.")
        sizes = [len(values) for values in self.centres]
        if [len(values) + 1 for values in self.edges] != sizes or len(sizes) != len(self.features):
            raise BadInput(
                f"Panel {name!r}: expected edges and centres for each of {len(self.features)} features, one centre more than edges."
            )
        if any((np.diff(values) <= 0).any() for values in self.edges):
            raise BadInput(f"Panel {name!r}: the edges of a feature must rise.")
        self.starts = np.concatenate([[0], np.cumsum(np.array(sizes) + 1)]).astype(np.int64)
        self.tokens = tuple(
            f"{feature}:{which}" for feature, size in zip(self.features, sizes, strict=True) for which in (UNKNOWN, *range(size))
        )

    @classmethod
    def fit(
        cls,
        name: str,
        adata: Any,
        *,
        bins: int = BINS,
        normalise: Normalise = "clr",
        features: Sequence[str] | None = None,
    ) -> "Panel":
        """A panel whose bins are quantiles of training cells.

        Parameters
        ----------
        name
            Of the modality, such as ``protein``.
        adata
            The *training* cells: raw counts (cells, features), two cells or more.
        bins
            Most bins of a feature, 2 or more; ``binary`` has two.
        normalise
            ``clr``, ``binary`` or ``log1p``.
        features
            Names of those to take; all if None.

        Returns
        -------
        Panel
            The same for the same cells, in any order.

        Raises
        ------
        BadInput
            A feature that the cells lack, too few cells or bins, or counts that are none.
        """
        if bins < 2:
            raise BadInput(f"bins: expected 2 or more, got {bins}.")
        names = [str(feature) for feature in (adata.var_names if features is None else features)]
        if adata.n_obs < 2:
            raise BadInput(f"Panel {name!r}: expected two training cells or more, got {adata.n_obs}.")
        there = set(map(str, adata.var_names))
        if unknown := [feature for feature in names if feature not in there]:
            raise BadInput(
                f"Panel {name!r}: {len(unknown)} features are not among the {adata.n_vars} of the training cells, the first {unknown[0]!r}. "
                "Expected names as in var_names."
            )
        bare = cls(name, names, normalise, [[]] * len(names), [[0.0]] * len(names))
        values = bare.values(adata)
        edges = [quantile_edges(column, 2 if normalise == "binary" else bins) for column in values.T]
        centres = []
        for column, inner in zip(np.sort(values, 0).T, edges, strict=True):
            which = np.searchsorted(inner, column, "right")
            centres.append(np.bincount(which, column) / np.bincount(which))
        return cls(name, names, normalise, edges, centres)

    @property
    def bins(self) -> np.ndarray:
        """How many bins each feature has: int64 (features,)."""
        return np.diff(self.starts) - 1

    def values(self, adata: Any) -> np.ndarray:
        """Normalised values.

        Parameters
        ----------
        adata
            Raw counts (cells, …); its other features are not looked at, not for totals either.

        Returns
        -------
        numpy.ndarray
            float64 (cells, features); NaN where the cells lack a feature.

        Raises
        ------
        BadInput
            None of the features is there, a name stands twice, or counts are negative or not finite.
        """
        columns = self._columns(adata)
        return np.concatenate([np.empty((0, len(columns))), *self._blocks(adata, columns, CHUNK)])

    def places(self, adata: Any) -> np.ndarray:
        """Which of the panel's tokens each value is.

        Parameters
        ----------
        adata
            Raw counts (cells, …).

        Returns
        -------
        numpy.ndarray
            int64 (cells, features), places in `tokens`; a feature that the cells lack has its unknown token.

        Raises
        ------
        BadInput
            As for `values`.
        """
        return np.concatenate([self.unknown(0), *self.place_blocks(adata)])

    def place_blocks(self, adata: Any, chunk: int = CHUNK) -> Iterator[np.ndarray]:
        """The same as `places`, a block of cells at a time.

        Parameters
        ----------
        adata
            Raw counts (cells, …).
        chunk
            Cells of a block, which are made dense together.

        Yields
        ------
        numpy.ndarray
            int64 (cells of the block, features).
        """
        for values in self._blocks(adata, self._columns(adata), chunk):
            yield self.binned(values)

    def binned(self, values: np.ndarray) -> np.ndarray:
        """Which of the panel's tokens each normalised value is.

        Parameters
        ----------
        values
            Float (cells, features); NaN is unknown.

        Returns
        -------
        numpy.ndarray
            int64 (cells, features), places in `tokens`.
        """
        found = np.repeat(self.starts[None, :-1], len(values), 0)
        for place, edges in enumerate(self.edges):
            known = ~np.isnan(values[:, place])
            found[known, place] += 1 + np.searchsorted(edges, values[known, place], "right")
        return found

    def unknown(self, n: int) -> np.ndarray:
        """The tokens of cells in which the panel was not measured.

        Parameters
        ----------
        n
            Cells.

        Returns
        -------
        numpy.ndarray
            int64 (n, features), places in `tokens`.
        """
        return np.repeat(self.starts[None, :-1], n, 0)

    def description(self) -> dict[str, Any]:
        """Everything as plain JSON values; `from_description` is the inverse."""
        numbers = {"edges": [values.tolist() for values in self.edges], "centres": [values.tolist() for values in self.centres]}
        return {"name": self.name, "features": list(self.features), "normalise": self.normalise} | numbers

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> "Panel":
        """The panel that a `description` is of.

        Parameters
        ----------
        description
            Plain JSON values.

        Returns
        -------
        Panel
            Equal to the one described.
        """
        return cls(*(description[name] for name in ("name", "features", "normalise", "edges", "centres")))

    def __repr__(self) -> str:
        return f"Panel({self.name!r}, {len(self.features)} features, {self.normalise})"

    def _columns(self, adata: Any) -> np.ndarray:
        """The column of each feature among the cells', -1 where they lack it."""
        if not adata.var_names.is_unique:
            twice = adata.var_names[adata.var_names.duplicated()][0]
            raise BadInput(f"Panel {self.name!r}: the cells have the feature {twice!r} twice. Sum or rename such columns first.")
        columns = adata.var_names.get_indexer(list(self.features))
        if (columns < 0).all():
            shown = ", ".join(map(str, adata.var_names[:3]))
            raise BadInput(
                f"Panel {self.name!r}: the cells have none of its {len(self.features)} features ({self.features[0]}, …); they have {shown}, …. "
                "Is this another modality?"
            )
        return columns

    def _blocks(self, adata: Any, columns: np.ndarray, chunk: int) -> Iterator[np.ndarray]:
        """Values float64 (cells, features), a block of cells at a time."""
        kept = columns[columns >= 0]
        for _, block in count_blocks(adata, chunk):
            yield self.normalised(block[:, kept].toarray().astype(np.float64), columns)

    def normalised(self, counts: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Values of counts that were already found.

        Parameters
        ----------
        counts
            Float (cells, features that are there).
        columns
            int64 (features,): -1 where a feature is not there.

        Returns
        -------
        numpy.ndarray
            float64 (cells, features); NaN where a feature is not there.

        Raises
        ------
        BadInput
            Counts are negative or not finite.
        """
        if not np.isfinite(counts).all() or (counts < 0).any():
            raise BadInput(f"Panel {self.name!r}: expected raw counts, 0 or more, got {counts.min()} to {counts.max()}.")
        if self.normalise == "binary":
            found = (counts > 0).astype(np.float64)
        elif self.normalise == "clr":
            found = np.log1p(counts)
            found -= found.mean(1, keepdims=True)
        else:
            found = np.log1p(counts / np.maximum(counts.sum(1, keepdims=True), 1) * PER)
        values = np.full((len(counts), len(columns)), np.nan)
        values[:, columns >= 0] = found
        return values


def check_features(name: str, features: Sequence[str]) -> None:
    """Raise BadInput unless there are features, each once.

    Parameters
    ----------
    name
        Of the panel, for the message.
    features
        Names.
    """
    twice = sorted({feature for feature in features if features.count(feature) > 1}) if len(set(features)) < len(features) else []
    if not features or twice:
        raise BadInput(f"Panel {name!r}: expected features, each once, got {f'{twice[0]!r} twice' if twice else 'none'}.")


def quantile_edges(values: np.ndarray, bins: int) -> np.ndarray:
    """The least value of every bin but the first.

    Parameters
    ----------
    values
        Float (n,), finite.
    bins
        Most bins, 2 or more.

    Returns
    -------
    numpy.ndarray
        float64, rising, each one of `values`, at most ``bins - 1``; fewer where values tie, none where all are equal.
    """
    low = values.min()
    above = values[values > low]
    if not len(above):
        return above
    if (len(values) - len(above)) * bins >= len(values):
        inner = np.quantile(above, np.arange(bins - 1) / (bins - 1), method="inverted_cdf")
    else:
        inner = np.quantile(values, np.arange(1, bins) / bins, method="inverted_cdf")
    return np.unique(inner[inner > low])
