"""Results of a model in the places that scverse uses: ``obsm``, ``obs`` and ``uns`` of an AnnData.

After ``annotate(adata, "model", ...)`` the functions of scanpy find the results, as in
``sc.pp.neighbors(adata, use_rep="X_model")`` and ``sc.pl.umap(adata, color="model_pred")``. Only values that an ``.h5ad`` file
can hold are written, so the object can be saved at once.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glmkit import __version__
from glmkit.errors import BadInput

if TYPE_CHECKING:
    from anndata import AnnData

NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_]*$")


def annotate(
    adata: "AnnData",
    name: str,
    *,
    embedding: np.ndarray | pd.DataFrame | None = None,
    prediction: Sequence[str] | pd.Series | np.ndarray | None = None,
    probabilities: np.ndarray | pd.DataFrame | None = None,
    classes: Sequence[str] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> "AnnData":
    """Write results of a model into an AnnData, in place.

    Parameters
    ----------
    adata
        n cells. Rows of data frames and series are matched to its ``obs_names``; arrays must be in its order.
    name
        Prefix of everything written: letters, digits and ``_``. Earlier results under the same prefix are replaced.
    embedding
        Float (n, d), written to ``obsm["X_<name>"]``.
    prediction
        One class per cell, written to ``obs["<name>_pred"]`` as a categorical. None: the class of highest probability, if
        probabilities are given.
    probabilities
        Float (n, classes), written to ``obsm["<name>_probabilities"]``. The probability of the predicted class is written to
        ``obs["<name>_confidence"]`` (the highest one, if the prediction is none of the classes).
    classes
        Names of the columns of `probabilities`; not needed for a data frame.
    provenance
        Origin of the results (model, hash of the checkpoint, seed, split), written to ``uns["<name>"]`` with glmkit's version,
        the time and the classes. Numbers, text, booleans, and lists and mappings of them are kept; other values are written as
        JSON text or refused.

    Returns
    -------
    AnnData
        The same object.

    Raises
    ------
    BadInput
        A name that is no identifier, nothing to write, results for other cells, numbers that are not finite, or provenance that
        a file cannot hold.

    Examples
    --------
    >>> import anndata, numpy as np
    >>> from glmkit.data import annotate
    >>> cells = anndata.AnnData(np.ones((2, 3), "float32"))
    >>> cells = annotate(cells, "model", probabilities=np.array([[0.9, 0.1], [0.2, 0.8]]), classes=["B", "T"])
    >>> cells.obs["model_pred"].tolist(), cells.obs["model_confidence"].astype(float).round(1).tolist()
    (['B', 'T'], [0.9, 0.8])
    """
    if not NAME.fullmatch(name):
        raise BadInput(f"name: expected letters, digits and _, the first a letter, got {name!r}.")
    if embedding is None and prediction is None and probabilities is None:
        raise BadInput("Nothing to write: give an embedding, a prediction or probabilities.")
    if not adata.obs_names.is_unique:
        raise BadInput("obs_names: some names occur more than once. Call adata.obs_names_make_unique() first.")
    if isinstance(probabilities, pd.DataFrame) and classes is None:
        classes = [str(column) for column in probabilities.columns]
    vectors = None if embedding is None else _rows(adata, embedding, "embedding")
    chances = None if probabilities is None else _rows(adata, probabilities, "probabilities")
    if chances is not None and (classes is None or len(classes) != chances.shape[1] or len(set(classes)) < len(classes)):
        raise BadInput(f"classes: expected {chances.shape[1]} different names, one per column of probabilities, got {classes}.")
    if chances is not None and (chances.min(initial=0) < 0 or chances.max(initial=0) > 1 + 1e-4):
        raise BadInput(
            f"probabilities: expected values from 0 to 1, got {chances.min():g} to {chances.max():g}. Apply a softmax first."
        )
    called = _called(adata, prediction, chances, classes)
    record = _plain(dict(provenance or {}), "provenance")
    record |= {"glmkit_version": __version__, "created": datetime.now(UTC).isoformat(timespec="seconds")}
    if vectors is not None:
        adata.obsm[f"X_{name}"] = vectors
        record["embedding_size"] = int(vectors.shape[1])
    if called is not None:
        names = list(classes) if classes is not None else []
        names += sorted(set(called.dropna()) - set(names))
        adata.obs[f"{name}_pred"] = pd.Categorical(called, categories=names).remove_unused_categories()
        adata.uns.pop(f"{name}_pred_colors", None)  # scanpy stored them for the earlier categories
    if chances is not None and classes is not None and called is not None:
        place = {c: i for i, c in enumerate(classes)}
        column = np.array([place.get(value, -1) for value in called])
        of_call = chances[np.arange(len(chances)), column]
        adata.obs[f"{name}_confidence"] = np.where(column >= 0, of_call, chances.max(axis=1))
        adata.obsm[f"{name}_probabilities"] = chances
        record["classes"] = np.array([str(c) for c in classes], dtype=object)
    adata.uns[name] = record
    return adata


def _called(adata: "AnnData", prediction: Any, chances: np.ndarray | None, classes: Sequence[str] | None) -> pd.Series | None:
    if prediction is None:
        if chances is None or classes is None:
            return None
        return pd.Series(np.array([str(c) for c in classes], dtype=object)[chances.argmax(axis=1)], index=adata.obs_names)
    if isinstance(prediction, pd.Series):
        _same_cells(adata, prediction.index, "prediction")
        prediction = prediction.loc[adata.obs_names]
    values = np.asarray(prediction, dtype=object)
    if values.shape != (adata.n_obs,):
        raise BadInput(f"prediction: expected a class for each of {adata.n_obs} cells, got shape {values.shape}.")
    return pd.Series([None if pd.isna(v) else str(v) for v in values], index=adata.obs_names, dtype=object)


def _rows(adata: "AnnData", values: np.ndarray | pd.DataFrame, what: str) -> np.ndarray:
    """Values (n, columns) in the order of the cells, float32."""
    if isinstance(values, pd.DataFrame):
        _same_cells(adata, values.index, what)
        values = values.loc[adata.obs_names].to_numpy()
    array = np.asarray(values, dtype=np.float32)
    if array.ndim != 2 or len(array) != adata.n_obs or array.shape[1] == 0:
        raise BadInput(f"{what}: expected a row for each of {adata.n_obs} cells, got shape {array.shape}.")
    if not np.isfinite(array).all():
        first = int(np.argmin(np.isfinite(array).all(axis=1)))
        raise BadInput(f"{what}: values of cell {adata.obs_names[first]!r} are not finite. Did the model diverge?")
    return array


def _same_cells(adata: "AnnData", index: pd.Index, what: str) -> None:
    lacking = adata.obs_names.difference(index)
    if not index.is_unique or len(index) != adata.n_obs or len(lacking):
        first = f", the first without one is {lacking[0]!r}" if len(lacking) else ""
        raise BadInput(f"{what}: expected one row for each of {adata.n_obs} cells by name, got {len(index)} rows{first}.")


def _plain(value: Any, where: str) -> Any:
    """Values that an h5ad file can hold: mappings, text, numbers, booleans and arrays of one of these."""
    if isinstance(value, Mapping):
        if bad := [key for key in value if not isinstance(key, str) or "/" in key or not key]:
            raise BadInput(f"{where}: a key has to be text without '/', got {bad[0]!r}.")
        return {key: _plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    if isinstance(value, (str, bool, int, float, np.bool_, np.number)):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in "iufb":
        return value
    if value is None:
        return "None"
    if isinstance(value, (list, tuple)) and value and all(isinstance(item, str) for item in value):
        return np.array(value, dtype=object)
    if isinstance(value, (list, tuple)) and value and all(type(item) in {int, float, bool} for item in value):
        return np.array(value)
    try:
        return json.dumps(value)
    except TypeError as error:
        raise BadInput(
            f"{where}: {type(value).__name__} cannot be kept in a file. Give text, numbers, or lists of them."
        ) from error
