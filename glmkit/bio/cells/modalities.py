"""Assignment of features to modalities: RNA, chromatin accessibility, surface protein, or hashtags of pooled samples."""

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from glmkit.bio.cells.source import Source
from glmkit.errors import BadInput

_TYPES = {
    "gene expression": "rna",
    "rna": "rna",
    "gex": "rna",
    "antibody capture": "protein",
    "protein": "protein",
    "prot": "protein",
    "adt": "protein",
    "peaks": "atac",
    "atac": "atac",
    "chromatin accessibility": "atac",
    "hashtag": "hashtag",
    "hto": "hashtag",
    "multiplexing capture": "hashtag",
}
COLUMNS = ("feature_types", "feature_type", "modality")
_HASHTAG = re.compile(r"(hto|cmo)[\d_.-]|hto$|hashtag|hash[ _-]?\d", re.IGNORECASE)
_PEAK = re.compile(r"[\w.]+[:-]\d+-\d+")


def modality_name(kind: str) -> str:
    """The modality of a feature type of 10x, MuData and others; an unknown type in lower case with underscores."""
    return _TYPES.get(kind.strip().lower(), re.sub(r"\W+", "_", kind.strip().lower()))


def feature_modalities(source: Source, matrix: str) -> np.ndarray:
    """The modality of each feature of a matrix.

    Parameters
    ----------
    source
        Open file of cells.
    matrix
        Name of the matrix.

    Returns
    -------
    numpy.ndarray
        Strings (features,), from the column ``feature_types`` if there is one. Otherwise all are ``"atac"`` if most names
        have the form of genomic ranges, else ``"rna"``.
    """
    var = source.features(matrix)
    names = var.index.astype(str)
    if source.part:
        return np.full(len(var), modality_name(source.part), dtype=object)
    for column in COLUMNS:
        if column in var and (types := var[column].astype(str)).str.strip().str.lower().isin(list(_TYPES)).any():
            found = {kind: modality_name(kind) for kind in types.unique()}
            kinds = np.array([found[kind] for kind in types], dtype=object)
            tags = np.array([bool(_HASHTAG.match(name)) for name in names])
            kinds[tags & (kinds == "protein")] = "hashtag"
            return kinds
    peaks = np.fromiter((bool(_PEAK.fullmatch(name)) for name in names), dtype=bool, count=len(names))
    return np.full(len(var), "atac" if len(var) and peaks.mean() > 0.5 else "rna", dtype=object)


def modality_counts(sources: Iterable[Source]) -> dict[str, int]:
    """Number of features of each modality of a file, in file order."""
    counts: dict[str, int] = {}
    for source in sources:
        matrix = next(iter(source.matrices), "X")
        for name, n in pd.Series(feature_modalities(source, matrix)).value_counts(sort=False).items():
            counts[str(name)] = counts.get(str(name), 0) + int(n)
    return counts


def choose_modalities(place: str, found: dict[str, int], requested: list[str] | None) -> list[str]:
    """The requested modalities, checked to be in the file; all of the file if None.

    Raises
    ------
    BadInput
        A requested modality is absent; the message lists those present.
    """
    if requested is None:
        return list(found)
    if not requested:
        raise BadInput(f"{place}: no modality requested. {_list(found)} Name one or more.")
    for name in requested:
        if name not in found:
            raise BadInput(f"{place}: there is no modality {name!r}. {_list(found)} Choose among these.")
    return list(dict.fromkeys(requested))


def the_only_modality(place: str, found: dict[str, int]) -> str:
    """The modality of a file with a single one.

    Raises
    ------
    BadInput
        There are several or none; the message lists them.
    """
    if len(found) != 1:
        raise BadInput(
            f"{place}: several modalities and none chosen. {_list(found)} Give modality='{next(iter(found), 'rna')}', for "
            "example, or read them together with read_modalities."
        )
    return next(iter(found))


def _list(found: dict[str, int]) -> str:
    listed = ", ".join(f"{name} ({n:,} features)" for name, n in found.items()) or "none"
    return f"The file has: {listed}."
