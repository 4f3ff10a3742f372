"""Content of a results card as plain values: hashes of data, splits and weights, versions, rows.

Every value becomes text, number, list or dictionary, so that the card is strict JSON; NaN becomes null. Floats are written so that
reading them gives the same float.
"""

import hashlib
import json
import math
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from glmkit.errors import BadInput
from glmkit.evaluate.tasks.task import Task
from glmkit.files import sha256

LIBRARIES = (
    "glmkit", "numpy", "scipy", "pandas", "scikit-learn", "torch", "transformers", "peft", "numba", "anndata", "scanpy", "biopython",
)  # fmt: skip
TIMES = ("cpu_seconds",)  # columns that differ between runs


def plain(value: Any) -> Any:
    """`value` in the types of JSON.

    Parameters
    ----------
    value
        Nested mappings, sequences, arrays, tables, paths, numbers, text. Other objects become their ``str``.

    Returns
    -------
    dict, list, str, int, float, bool or None
        NaN becomes None; an infinity becomes the text ``inf`` or ``-inf``.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return None if math.isnan(value) else value if math.isfinite(value) else str(value)
    if isinstance(value, pd.DataFrame):
        return records(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | pd.Series | pd.Index):
        return plain(value.tolist())
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [plain(item) for item in value]
    return None if value is pd.NA or value is pd.NaT else str(value)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as dictionaries in the types of JSON, without the index."""
    names = [str(name) for name in frame.columns]
    return [
        {name: plain(value) for name, value in zip(names, row, strict=True)} for row in frame.itertuples(index=False, name=None)
    ]


def table_hash(rows: Sequence[Mapping[str, Any]]) -> str:
    """SHA-256 of the rows of a table without CPU times; equal for equal numbers."""
    kept = [{key: value for key, value in row.items() if key not in TIMES} for row in rows]
    return hashlib.sha256(json.dumps(plain(kept), sort_keys=True, allow_nan=False).encode()).hexdigest()


def task_hashes(task: Task) -> dict[str, Any]:
    """Description of a task, with SHA-256 of its items and of each split.

    Parameters
    ----------
    task
        Task to describe.

    Returns
    -------
    dict
        ``name``, ``kind``, ``items``, ``groups``, ``classes`` (names of classes or outputs), ``sha256`` (of inputs, labels and groups in
        their order), and ``splits``: name to ``sha256`` (of the item numbers on each side of each fold), ``folds``, ``train``, ``test``.
    """
    digest = hashlib.sha256()
    for item in (*task.sequences, *task.groups):
        text = str(item).encode()
        digest.update(len(text).to_bytes(8, "little") + text)
    labels = np.asarray(task.labels)
    digest.update(np.ascontiguousarray(labels, dtype=np.float64 if labels.dtype.kind == "f" else np.int64).tobytes())
    splits = {}
    for name in task.splits:
        sides, folds = hashlib.sha256(), task.folds(name)
        for fold in folds:
            for side in (fold.train, fold.test):
                sides.update(len(side).to_bytes(8, "little") + np.asarray(side, dtype=np.int64).tobytes())
        splits[name] = {
            "sha256": sides.hexdigest(),
            "folds": len(folds),
            "train": round(np.mean([len(fold.train) for fold in folds])),
            "test": sum(len(fold.test) for fold in folds),
        }
    return {
        "name": task.name,
        "kind": task.kind,
        "items": len(task.sequences),
        "groups": len(set(task.groups)),
        "classes": list(task.columns),
        "sha256": digest.hexdigest(),
        "splits": splits,
    }


def model_identity(name: str, model: Any) -> dict[str, Any]:
    """Identity of a model in a card.

    Parameters
    ----------
    name
        Name of the model, for the message.
    model
        A hash or other text; a card (a mapping); a file or folder of weights, whose files are hashed; or a model with a ``card`` and
        weights, which are hashed.

    Returns
    -------
    dict
        Identity in the types of JSON.

    Raises
    ------
    BadInput
        A path that does not exist, or an object without a card.
    """
    if isinstance(model, str):
        return {"identity": model}
    if isinstance(model, Mapping):
        return plain(model)
    if isinstance(model, Path):
        if not model.exists():
            raise BadInput(f"models: {name}: {model} does not exist. Give the file or folder of its weights.")
        files = [model] if model.is_file() else sorted(file for file in model.rglob("*") if file.is_file())
        return {"files": {str(file.relative_to(model.parent)): sha256(file) for file in files}}
    if not isinstance(card := getattr(model, "card", None), Mapping):
        raise BadInput(f"models: {name}: expected a hash, a card, a path or a model with a card, got {type(model).__name__}.")
    if not hasattr(model, "state_dict"):
        return plain(card)
    from glmkit.models import weights_hash

    return plain(card) | {"weights_sha256": weights_hash(model)}


def versions() -> dict[str, str]:
    """Versions of Python and of the installed libraries on which the numbers may depend."""
    found = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found
