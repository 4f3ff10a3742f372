"""Tokenization of measured values: each feature of a panel (a protein, a peak) is represented by the bin of its value.

A Transformer over tokens takes no real numbers. A value therefore becomes one of the tokens of its feature, ``CD4:0`` …
``CD4:7`` from low to high, or ``CD4:?`` if unknown. Binning reduces the resolution, most of which the expected value over the
bins recovers. In return, values can be masked, predicted as a distribution, and missing, like other tokens.

Edges are quantiles of the training cells, per feature. They are observed values, so that no bin is empty. Many features are
zero in most cells. If the cells tied at the minimum would fill a bin or more, the minimum is a separate bin. The other bins
then divide the remaining cells. A constant feature has a single bin.

Counts are first normalised between cells: ``clr``, the centred log-ratio over the panel's features of a cell, for surface
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
    """Features of a modality with their normalisation and bins; `Panel.fit` makes one from training cells.

    Parameters
    ----------
    name
        Name of the modality, such as ``protein``.
    features
        Names of the features, as in ``var_names``.
    normalise
        Normalisation: ``clr``, ``binary`` or ``log1p``.
    edges
        Lower edges of the bins of each feature except its first bin, increasing.
    centres
        Mean value of the training cells in each bin of each feature: one more than its edges.

    Attributes
    ----------
    starts
        Position of the first token of each feature among the tokens of the panel, int64 (features + 1,). The first token of a
        feature is the unknown value, the others are bins.
    tokens
        Names of all tokens, in order.

    Raises
    ------
    BadInput
        There is no feature, a feature is repeated, the normalisation is unknown, or edges and centres do not match.

    Examples
    --------
    >>> from anndata import AnnData
    >>> cells = AnnData(np.array([[9, 1], [2, 7], [0, 4]], dtype=np.float32))
    >>> cells.var_names = ["CD3", "CD19"]
    >>> panel = Panel.fit("protein", cells, bins=2)
    >>> panel.tokens
    ('CD3:?', 'CD3:0', 'CD3:1', 'CD19:?', 'CD19:0', 'CD19:1')
    >>> [[panel.tokens[i] for i in cell] for cell in panel.places(cells)]
    [['CD3:1', 'CD19:0'], ['CD3:1', 'CD19:1'], ['CD3:0', 'CD19:1']]
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
                f"Panel {name!r}: expected edges and centres for each of {len(self.features)} features, one centre more than "
                "edges."
            )
        if any((np.diff(values) <= 0).any() for values in self.edges):
            raise BadInput(f"Panel {name!r}: the edges of a feature must be increasing. Sort them and remove repeats.")
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
            Name of the modality, such as ``protein``.
        adata
            *Training* cells only: raw counts (cells, features), at least two cells.
        bins
            Maximum number of bins per feature, at least 2; ``binary`` has two.
        normalise
            Normalisation: ``clr``, ``binary`` or ``log1p``.
        features
            Names of the features; all if None.

        Returns
        -------
        Panel
            Fitted panel, independent of the order of the cells.

        Raises
        ------
        BadInput
            A feature is absent from the cells, there are too few cells or bins, or values are not counts.
        """
        if bins < 2:
            raise BadInput(f"bins: expected 2 or more, got {bins}.")
        names = [str(feature) for feature in (adata.var_names if features is None else features)]
        if adata.n_obs < 2:
            raise BadInput(f"Panel {name!r}: expected two training cells or more, got {adata.n_obs}.")
        present = set(map(str, adata.var_names))
        if unknown := [feature for feature in names if feature not in present]:
            raise BadInput(
                f"Panel {name!r}: {len(unknown)} features are not among the {adata.n_vars} of the training cells, the first "
                f"{unknown[0]!r}. Expected names as in var_names."
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
        """Number of bins of each feature, int64 (features,)."""
        return np.diff(self.starts) - 1

    def values(self, adata: Any) -> np.ndarray:
        """Normalised values of the features.

        Parameters
        ----------
        adata
            Cells with raw counts; features outside the panel are ignored, also for totals.

        Returns
        -------
        numpy.ndarray
            Values, float64 (cells, features); NaN for a feature absent from `adata`.

        Raises
        ------
        BadInput
            All features are absent, a name is repeated, or counts are negative or not finite.
        """
        columns = self._columns(adata)
        return np.concatenate([np.empty((0, len(columns))), *self._blocks(adata, columns, CHUNK)])

    def places(self, adata: Any) -> np.ndarray:
        """Token of each feature of each cell.

        Parameters
        ----------
        adata
            Cells with raw counts.

        Returns
        -------
        numpy.ndarray
            Indices in `tokens`, int64 (cells, features); a feature absent from `adata` has its unknown token.

        Raises
        ------
        BadInput
            As for `values`.
        """
        return np.concatenate([self.unknown(0), *self.place_blocks(adata)])

    def place_blocks(self, adata: Any, chunk: int = CHUNK) -> Iterator[np.ndarray]:
        """Result of `places`, one block of cells at a time.

        Parameters
        ----------
        adata
            Cells with raw counts.
        chunk
            Number of cells per block, whose counts are dense in memory.

        Yields
        ------
        numpy.ndarray
            Indices in `tokens`, int64 (cells of the block, features).
        """
        for values in self._blocks(adata, self._columns(adata), chunk):
            yield self.binned(values)

    def binned(self, values: np.ndarray) -> np.ndarray:
        """Token of each normalised value.

        Parameters
        ----------
        values
            Normalised values, float (cells, features); NaN if unknown.

        Returns
        -------
        numpy.ndarray
            Indices in `tokens`, int64 (cells, features).
        """
        found = np.repeat(self.starts[None, :-1], len(values), 0)
        for place, edges in enumerate(self.edges):
            known = ~np.isnan(values[:, place])
            found[known, place] += 1 + np.searchsorted(edges, values[known, place], "right")
        return found

    def unknown(self, n: int) -> np.ndarray:
        """Tokens of cells in which the panel was not measured.

        Parameters
        ----------
        n
            Number of cells.

        Returns
        -------
        numpy.ndarray
            Indices in `tokens`, int64 (n, features).
        """
        return np.repeat(self.starts[None, :-1], n, 0)

    def description(self) -> dict[str, Any]:
        """The panel as plain JSON values; `from_description` is the inverse."""
        numbers = {"edges": [values.tolist() for values in self.edges], "centres": [values.tolist() for values in self.centres]}
        return {"name": self.name, "features": list(self.features), "normalise": self.normalise} | numbers

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> "Panel":
        """Construct a panel from its `description`.

        Parameters
        ----------
        description
            Plain JSON values, as from :meth:`description`.

        Returns
        -------
        Panel
            Panel equal to the described one.
        """
        return cls(*(description[name] for name in ("name", "features", "normalise", "edges", "centres")))

    def __repr__(self) -> str:
        return f"Panel({self.name!r}, {len(self.features)} features, {self.normalise})"

    def _columns(self, adata: Any) -> np.ndarray:
        """Column of each feature in `adata`, -1 if absent."""
        if not adata.var_names.is_unique:
            twice = adata.var_names[adata.var_names.duplicated()][0]
            raise BadInput(f"Panel {self.name!r}: the cells have the feature {twice!r} twice. Sum or rename such columns first.")
        columns = adata.var_names.get_indexer(list(self.features))
        if (columns < 0).all():
            shown = ", ".join(map(str, adata.var_names[:3]))
            raise BadInput(
                f"Panel {self.name!r}: the cells have none of its {len(self.features)} features ({self.features[0]}, …); they "
                f"have {shown}, …. Check that this is the right modality."
            )
        return columns

    def _blocks(self, adata: Any, columns: np.ndarray, chunk: int) -> Iterator[np.ndarray]:
        """Values float64 (cells, features), one block of cells at a time."""
        kept = columns[columns >= 0]
        for _, block in count_blocks(adata, chunk):
            yield self.normalised(block[:, kept].toarray().astype(np.float64), columns)

    def normalised(self, counts: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Normalise counts of the features that are present.

        Parameters
        ----------
        counts
            Counts, float (cells, present features).
        columns
            Column of each feature, int64 (features,), -1 if absent.

        Returns
        -------
        numpy.ndarray
            Values, float64 (cells, features); NaN for absent features.

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
    """Raise :class:`BadInput` unless there are features and their names are unique.

    Parameters
    ----------
    name
        Name of the panel, for the message.
    features
        Names of the features.
    """
    twice = sorted({feature for feature in features if features.count(feature) > 1}) if len(set(features)) < len(features) else []
    if not features or twice:
        raise BadInput(f"Panel {name!r}: expected features, each once, got {f'{twice[0]!r} twice' if twice else 'none'}.")


def quantile_edges(values: np.ndarray, bins: int) -> np.ndarray:
    """Lower edges of all bins except the first, from quantiles.

    Parameters
    ----------
    values
        Finite values, float (n,).
    bins
        Maximum number of bins, at least 2.

    Returns
    -------
    numpy.ndarray
        Increasing edges, float64, each one of `values`; at most ``bins - 1``, fewer with ties, none if all values are equal.
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
