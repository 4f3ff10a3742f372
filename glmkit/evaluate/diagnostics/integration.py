"""Whether an embedding of cells mixes batches and keeps cell types apart, by the metrics of scib.

The two aims conflict: an embedding of pure noise mixes batches perfectly. Both are therefore reported, and the total weighs the types
0.6 and the batches 0.4 as in Luecken et al. (2022, doi:10.1038/s41592-021-01336-8). The metrics come from ``scib-metrics``, of the extra
``cells``. Labels that were derived from one of the embeddings favour it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from glmkit.data._cell_labels import as_text, obs_column
from glmkit.errors import BadInput
from glmkit.extras import need

if TYPE_CHECKING:
    from anndata import AnnData

SHARE_OF_TYPES = 0.6
NEIGHBOURS = 90


def integration_metrics(adata: "AnnData", embedding: str | Sequence[str], batch: str, label: str, seed: int = 0) -> pd.DataFrame:
    """Integration metrics of one or several embeddings of the same cells.

    Parameters
    ----------
    adata
        Cells with embeddings in ``obsm``.
    embedding
        Key or keys of ``obsm``, such as ``X_pca``.
    batch
        Column of obs with batch or donor.
    label
        Column of obs with the cell type. Cells without batch or type are left out.
    seed
        Seed of the neighbour search.

    Returns
    -------
    pandas.DataFrame
        One row for each embedding. ``types`` is the mean of ``nmi``, ``ari`` (of k-means), ``silhouette_label``, ``clisi`` and
        ``isolated_labels``; ``batches`` is the mean of ``silhouette_batch``, ``ilisi`` and ``graph_connectivity``; ``total`` is their
        weighted mean. 1 is best in all. ``cells`` is the number of cells used. If every batch has every class there is no isolated
        label: NaN, excluded from the mean.

    Raises
    ------
    BadInput
        A missing key or column (existing ones are listed), a single batch or type, fewer than four cells, or values that are not
        finite.
    ResourceError
        ``scib-metrics`` is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from anndata import AnnData
    >>> from glmkit.errors import ResourceError
    >>> from glmkit.evaluate.diagnostics import integration_metrics
    >>> rng = np.random.default_rng(0)
    >>> obs = pd.DataFrame({"donor": ["a", "b"] * 50, "type": ["T"] * 50 + ["B"] * 50}, index=[f"cell{i}" for i in range(100)])
    >>> cells = AnnData(obs=obs, obsm={"X_glmkit": rng.normal(np.repeat([0.0, 4.0], 50)[:, None], 1, (100, 5))})
    >>> try:
    ...     print(integration_metrics(cells, "X_glmkit", "donor", "type").loc[0, "total"] > 0.5)
    ... except ResourceError:  # scib-metrics is not installed
    ...     print(True)
    True
    """
    keys = [embedding] if isinstance(embedding, str) else list(embedding)
    if absent := [key for key in keys if key not in adata.obsm]:
        raise BadInput(f"obsm has no {absent[0]!r}; it has {', '.join(map(str, adata.obsm.keys())) or 'nothing'}.")
    columns = {name: as_text(obs_column(adata.obs, name)) for name in (batch, label)}
    known = (columns[batch].notna() & columns[label].notna()).to_numpy()
    values = {name: column[known].to_numpy(dtype=str) for name, column in columns.items()}
    for name, column in values.items():
        if len(np.unique(column)) < 2:
            raise BadInput(
                f"obs[{name!r}]: expected at least two values in {len(column)} cells, got {np.unique(column).tolist()}."
            )
    if known.sum() < 4:
        raise BadInput(f"Expected at least 4 cells with batch and type, got {int(known.sum())}.")
    need("scib_metrics", "scib-metrics")
    rows = []
    for key in keys:
        points = np.ascontiguousarray(np.asarray(adata.obsm[key])[known], dtype=np.float32)
        if points.ndim != 2 or not np.isfinite(points).all():
            raise BadInput(f"obsm[{key!r}]: expected finite numbers (cells, dimensions), got shape {points.shape}.")
        rows.append({"embedding": key, "cells": len(points), **_scores(points, values[batch], values[label], seed)})
    return pd.DataFrame(rows)


def _scores(points: np.ndarray, batch: np.ndarray, label: np.ndarray, seed: int) -> dict[str, float]:
    scib = need("scib_metrics", "scib-metrics")
    search = need("scib_metrics.nearest_neighbors", "scib-metrics")
    codes, batches = (np.unique(names, return_inverse=True)[1] for names in (label, batch))
    graph = search.pynndescent(points, n_neighbors=min(NEIGHBOURS, len(points) - 1), random_state=seed)
    clusters = scib.nmi_ari_cluster_labels_kmeans(points, codes)
    everywhere = (pd.crosstab(codes, batches).to_numpy() > 0).all()
    types = {
        "nmi": clusters["nmi"],
        "ari": clusters["ari"],
        "silhouette_label": scib.silhouette_label(points, codes),
        "clisi": scib.clisi_knn(graph, codes),
        "isolated_labels": np.nan if everywhere else scib.isolated_labels(points, codes, batches),
    }
    mixing = {
        "silhouette_batch": scib.silhouette_batch(points, codes, batches),
        "ilisi": scib.ilisi_knn(graph, batches),
        "graph_connectivity": scib.graph_connectivity(graph, codes),
    }
    kept, mixed = float(np.nanmean(list(types.values()))), float(np.mean(list(mixing.values())))
    total = SHARE_OF_TYPES * kept + (1 - SHARE_OF_TYPES) * mixed
    return {name: float(value) for name, value in ({"total": total, "types": kept, "batches": mixed} | types | mixing).items()}
