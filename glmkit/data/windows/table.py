"""A table of sequences with labels, as assays and benchmarks come: one row a sequence, and perhaps a column that says what it is for.

Such a table is where most people begin, and where faults pass unseen: a sheet saved with ``1`` and ``1.0`` for one class, a sequence that
stands there twice with two values. What cannot be meant is refused with its file and line; what is merely remarkable (a copy with the
same label) is counted. A copy across the given parts is kept, since it belongs to the split as it was given: the audit says what it is worth.
"""

import gzip
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from glmkit.bio import DataReport
from glmkit.data.search.inputs import unknown_letter
from glmkit.data.splits.base import PARTS
from glmkit.errors import BadInput

_GZIP = b"\x1f\x8b"
_MEANING = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "validation": "validation",
    "valid": "validation",
}


def read_table(
    paths: Sequence[str | Path],
    sequence: str = "sequence",
    label: str = "label",
    part: str = "",
    *,
    kind: Literal["classification", "regression"] = "classification",
    positive: str = "",
    report: DataReport | None = None,
) -> pd.DataFrame:
    """Read labelled proteins from one table or several.

    Parameters
    ----------
    paths
        ``.csv``, or tab-separated with any other ending, gzipped or not, with a header. Of several files the first trains and the last
        tests (one between them validates), unless a column says it.
    sequence, label
        Columns. Sequences are amino acids; letter case does not matter.
    part
        Column that holds train, validation or test; empty if there is none.
    kind
        ``"classification"`` into two classes, or ``"regression"`` on measured values.
    positive
        The label that is class 1, every other being class 0; may be left out where labels are 0 and 1.
    report
        Counts ``copy_left_out`` (a sequence with the same label and part again) and ``copy_across_parts``.

    Returns
    -------
    pandas.DataFrame
        A row a sequence: ``id`` (file and line), ``sequence`` in capitals, ``label`` (int64 0 or 1, or float64), ``part`` (empty where
        none is given).

    Raises
    ------
    BadInput
        No such file or column (those found are listed), nothing in it, an empty or strange sequence, an empty label, one class only, labels
        that are neither 0 and 1 nor told apart by `positive`, a value that is no finite number, an unknown part, or one sequence with two
        labels.
    """
    report = DataReport() if report is None else report
    if not paths or len(paths) > 3:
        raise BadInput(f"Expected one to three tables (training, validation, test), got {len(paths)}.")
    default = [""] if len(paths) == 1 else ["train", "test"] if len(paths) == 2 else list(PARTS)
    frames = [_read(Path(path), sequence, label, part, own) for path, own in zip(paths, default, strict=True)]
    table = pd.concat(frames, ignore_index=True)
    _check_sequences(table)
    table["sequence"] = table["sequence"].str.upper()
    table["label"] = _values(table) if kind == "regression" else _classes(table, positive)
    return _one_of_each(table, report)


def _read(path: Path, sequence: str, label: str, part: str, default: str) -> pd.DataFrame:
    if not path.is_file():
        raise BadInput(f"{path} is not a file. Give a table with the columns {sequence!r} and {label!r}.")
    with open(path, "rb") as file:
        opener = gzip.open if file.read(2) == _GZIP else open
    separator = "," if path.name.removesuffix(".gz").endswith(".csv") else "\t"
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as text:
            table = pd.read_csv(text, sep=separator, dtype=str, keep_default_na=False, skip_blank_lines=False)
    except (OSError, EOFError, ValueError) as error:
        raise BadInput(f"{path} is not a table that can be read ({error}). Write it as .csv, or tab-separated.") from error
    if missing := [name for name in (sequence, label, part) if name and name not in table.columns]:
        raise BadInput(f"{path} lacks the column {missing[0]!r}; it has {list(table.columns)}.")
    if len(table) == 0:
        raise BadInput(f"{path} has a header and no rows.")
    parts = table[part].str.strip().str.lower() if part else pd.Series(default, index=table.index)
    if part and (strange := ~parts.isin(_MEANING)).any():
        row = int(np.argmax(strange))
        raise BadInput(f"{path}, line {row + 2}: the column {part!r} holds {table[part][row]!r}; expected {', '.join(PARTS)}.")
    found = {"id": [f"{path.name}:{i + 2}" for i in range(len(table))], "sequence": table[sequence].str.strip()}
    return pd.DataFrame(found | {"label": table[label].str.strip(), "part": parts.map(_MEANING).fillna("")})


def _check_sequences(table: pd.DataFrame) -> None:
    for name, letters in zip(table["id"], table["sequence"], strict=True):
        if not letters:
            raise BadInput(f"{name}: the sequence is empty. Remove the line.")
        if (place := unknown_letter(letters, "protein")) is not None:
            raise BadInput(f"{name}: {letters[place]!r} at residue {place + 1} is no amino acid. Is the column the right one?")


def _classes(table: pd.DataFrame, positive: str) -> np.ndarray:
    if (empty := (table["label"] == "").to_numpy()).any():
        raise BadInput(f"{table['id'][int(np.argmax(empty))]}: the label is empty.")
    found = sorted(set(table["label"]))
    if len(found) == 1:
        raise BadInput(f"All {len(table)} labels are {found[0]!r}: expected two classes. Is the label column the right one?")
    numbers: dict[float, str] = {}
    for text in found:
        try:
            other = numbers.setdefault(float(text), text)
        except ValueError:
            continue
        if other != text:
            raise BadInput(f"The labels {other!r} and {text!r} look like one number written in two ways. Write it in one.")
    if positive and positive not in found:
        raise BadInput(f"No sequence is labelled {positive!r}; the labels are {found[:10]}.")
    if not positive and found != ["0", "1"]:
        raise BadInput(
            f"The labels are {found[:10]}: say with positive= which is class 1, or give measured values with kind='regression'."
        )
    return (table["label"] == (positive or "1")).to_numpy(np.int64)


def _values(table: pd.DataFrame) -> np.ndarray:
    values = pd.to_numeric(table["label"], errors="coerce").to_numpy(np.float64)
    if (wrong := ~np.isfinite(values)).any():
        row = int(np.argmax(wrong))
        raise BadInput(
            f"{table['id'][row]}: the value is {table['label'][row]!r}, expected a finite number ({int(wrong.sum())} such lines). "
            "Leave them out, or give the right column."
        )
    if math.isclose(np.ptp(values), 0):
        raise BadInput(f"All {len(values)} values are {values[0]:g}. Is the label column the right one?")
    return values


def _one_of_each(table: pd.DataFrame, report: DataReport) -> pd.DataFrame:
    """Without copies inside a part."""
    first = table.groupby("sequence")["label"].transform("first")
    if (clash := (first != table["label"]).to_numpy()).any():
        row = table.iloc[int(np.argmax(clash))]
        twin = table.loc[table["sequence"] == row["sequence"], "id"].iloc[0]
        raise BadInput(
            f"{twin} and {row['id']} are one sequence with two labels ({int(clash.sum())} such lines). Correct them, or average values."
        )
    copies = table.duplicated(["sequence", "part"])
    report.count("copy_left_out", int(copies.sum()), where=next(iter(table["id"][copies]), ""))
    table = table[~copies].reset_index(drop=True)
    across = table.duplicated("sequence")
    report.count("copy_across_parts", int(across.sum()), where=next(iter(table["id"][across]), ""))
    return table
