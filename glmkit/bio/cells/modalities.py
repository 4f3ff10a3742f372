"""Modalities: which features of a file are RNA, chromatin, surface protein or the hashtags of a pooled sample."""

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
    """Our name for a type of feature as 10x, MuData and others write it; an unknown one in lower case with underscores."""
    return _TYPES.get(kind.strip().lower(), re.sub(r"\W+", "_", kind.strip().lower()))


def feature_modalities(source: Source, matrix: str) -> np.ndarray:
    """The modality of each feature of a matrix, as strings (features,).

    Parameters
    ----------
    source
        An open file.
    matrix
        Which of its matrices.

    Returns
    -------
    numpy.ndarray
        From the column ``feature_types`` where there is one; else peaks are told from genes by the form of their names.
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
    """How many features of each modality a file has, in the order of the file."""
    counts: dict[str, int] = {}
    for source in sources:
        matrix = next(iter(source.matrices), "X")
        for name, n in pd.Series(feature_modalities(source, matrix)).value_counts(sort=False).items():
            counts[str(name)] = counts.get(str(name), 0) + int(n)
    return counts


def choose_modalities(place: str, found: dict[str, int], asked: list[str] | None) -> list[str]:
    """The modalities asked for, checked to be in the file; all of them if None.

    Raises
    ------
    BadInput
        One is not there; those that are, are listed.
    """
    if asked is None:
        return list(found)
    if not asked:
        raise BadInput(f"{place}: no modality asked for. {_list(found)} Name one or more.")
    for name in asked:
        if name not in found:
            raise BadInput(f"{place}: there is no modality {name!r}. {_list(found)} Choose among these.")
    return list(dict.fromkeys(asked))


def the_only_modality(place: str, found: dict[str, int]) -> str:
    """The modality of a file that has one.

    Raises
    ------
    BadInput
        There are several, which are listed, or none.
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
