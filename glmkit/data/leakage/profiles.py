"""Audit of numeric items: equal rows, and the nearest training row in principal components.

Components are fitted on training rows alone, as a model would have to. A close neighbour with the same label is no leak by
itself; it is how a nearest-neighbour classifier works. Its accuracy is reported as a baseline for every model. An accuracy far
above that on a new donor or study suggests that groups are in training and in test.
"""

from collections.abc import Hashable

import numpy as np
import pandas as pd

from glmkit.data.leakage.checks import Items, Row
from glmkit.data.leakage.neighbours import label_match, with_labels
from glmkit.errors import BadInput

COMPONENTS = 50


def standardised(items: Items, table: np.ndarray | pd.DataFrame) -> np.ndarray:
    """Columns scaled to mean 0 and standard deviation 1 on training rows.

    Parameters
    ----------
    items
        n items.
    table
        Numbers, (n, columns).

    Returns
    -------
    numpy.ndarray
        float64 (n, columns).

    Raises
    ------
    BadInput
        Rows that differ in number from the labels, a column that holds no numbers, or missing values.
    """
    from sklearn.preprocessing import StandardScaler

    if isinstance(table, pd.DataFrame) and (words := [str(c) for c in table.columns if table[c].dtype.kind not in "iufb"]):
        raise BadInput(f"Expected columns of numbers; {words[:5]} hold other values. Leave them out or encode them.")
    values = np.asarray(table, dtype=np.float64)
    if len(values) != len(items.ids) or values.shape[1] == 0:
        raise BadInput(f"Expected one row for each of {len(items.ids)} labels and at least one column, got shape {values.shape}.")
    if not np.isfinite(values).all():
        i = int(np.argmax(~np.isfinite(values).all(1)))
        raise BadInput(f"Row {items.ids[i]!r} has a missing or infinite value. Fill it in or leave the row out.")
    return StandardScaler().fit(values[items.rows("train")]).transform(values)


def profile_keys(values) -> list[Hashable]:
    """One key per row, equal where rows are equal.

    Parameters
    ----------
    values
        Numbers, (n, columns), dense or a scipy sparse matrix.

    Returns
    -------
    list
        n keys. Every row of zeros in a sparse matrix gets its own key, because empty profiles are no evidence of copies.
    """
    import hashlib

    from scipy.sparse import csr_array, issparse

    if not issparse(values):
        return [hashlib.sha256(row.tobytes()).hexdigest() for row in np.ascontiguousarray(values)]
    rows = csr_array(values).copy()  # type: ignore[call-overload]
    rows.sum_duplicates()
    rows.eliminate_zeros()
    keys: list[Hashable] = []
    for i, (start, stop) in enumerate(zip(rows.indptr[:-1], rows.indptr[1:], strict=True)):
        where, what = rows.indices[start:stop].astype(np.int64), rows.data[start:stop]
        keys.append(hashlib.sha256(where.tobytes() + what.tobytes()).hexdigest() if stop > start else i)
    return keys


def profile_neighbours(items: Items, values) -> tuple[pd.DataFrame, list[Row]]:
    """The nearest training row of each test row, and the accuracy of its label.

    Parameters
    ----------
    items
        n items.
    values
        Normalised numbers, (n, columns), dense or sparse.

    Returns
    -------
    tuple
        Table of neighbours (``id``, ``nearest``, ``distance``, ``label``, ``nearest_label``, ``agrees``), and lines of the audit.
    """
    from sklearn.decomposition import PCA
    from sklearn.neighbors import NearestNeighbors

    train, test = items.rows("train"), items.rows("test")
    size = min(COMPONENTS, len(train) - 1, values.shape[1] - 1)
    if size >= 2:
        pca = PCA(size, svd_solver="arpack", random_state=0).fit(values[train])
        of_train, of_test = pca.transform(values[train]), pca.transform(values[test])
    else:
        of_train, of_test = (
            np.asarray(values[rows].todense() if hasattr(values, "todense") else values[rows]) for rows in (train, test)
        )
    distance, place = NearestNeighbors(n_neighbors=1).fit(of_train).kneighbors(of_test)
    columns = {
        "id": [items.ids[i] for i in test],
        "nearest": [items.ids[train[i]] for i in place[:, 0]],
        "distance": distance[:, 0],
    }
    table = with_labels(items, pd.DataFrame(columns))
    value, right = label_match(items, table)
    space = f"{size} principal components" if size >= 2 else "all columns"
    rows = [Row("nearest neighbour", len(table), 1.0, value, f"Nearest training item in {space}; value: {right}.")]
    if not items.measured:
        share = table["label"].value_counts(normalize=True)
        rows.append(
            Row("majority rate", len(table), 1.0, float(share.iloc[0]), f"Share of the most common test label, {share.index[0]}.")
        )
    return table, rows
