"""Tables of sequences with labels, as published by assays and benchmarks: one row per sequence.

Such tables have faults that are easily overlooked: ``1`` and ``1.0`` for one class, or one sequence with two values.
Contradictions are refused with file and line. Repeats with the same label are counted and left out. Copies in different parts
are kept, because they belong to the given split; the audit measures their effect.
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
        One to three files with a header, ``.csv`` or (with any other ending) tab-separated, gzipped or not. Of several files the
        first is the training set and the last the test set, with validation between them, unless `part` is given.
    sequence, label
        Columns of the sequences (amino acids, upper or lower case) and of the labels.
    part
        Column of train, validation or test; empty if there is none.
    kind
        ``"classification"`` into two classes, or ``"regression"`` on measured values.
    positive
        Label of class 1, all others being class 0; optional where labels are 0 and 1.
    report
        Report that counts ``copy_left_out`` (a sequence repeated with the same label and part) and ``copy_across_parts``.

    Returns
    -------
    pandas.DataFrame
        One row per sequence: ``id`` (file and line), ``sequence`` in capitals, ``label`` (int64 0 or 1, or float64), ``part``
        (empty if none is given).

    Raises
    ------
    BadInput
        No such file or column (those found are listed), no rows, an empty sequence or unknown letter, an empty label, one class
        only, labels other than 0 and 1 without `positive`, a value that is no finite number, an unknown part, or one sequence
        with two labels.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from glmkit.data import read_table
    >>> path = Path(tempfile.mkdtemp()) / "assay.csv"
    >>> _ = path.write_text("sequence,label,set\\nMKTAY,1,train\\nMVLSP,0,train\\nMGHFT,1,test\\n")
    >>> read_table([path], part="set")[["id", "label", "part"]].to_numpy().tolist()
    [['assay.csv:2', 1, 'train'], ['assay.csv:3', 0, 'train'], ['assay.csv:4', 1, 'test']]
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
            raise BadInput(f"{name}: {letters[place]!r} at residue {place + 1} is no amino acid. Is it the right column?")


def _classes(table: pd.DataFrame, positive: str) -> np.ndarray:
    if (empty := (table["label"] == "").to_numpy()).any():
        raise BadInput(f"{table['id'][int(np.argmax(empty))]}: the label is empty.")
    found = sorted(set(table["label"]))
    if len(found) == 1:
        raise BadInput(f"All {len(table)} labels are {found[0]!r}: expected two classes. Is it the right label column?")
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
            f"The labels are {found[:10]}: give the label of class 1 as positive=, or set kind='regression' for measured values."
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
        raise BadInput(f"All {len(values)} values are {values[0]:g}. Is it the right label column?")
    return values


def _one_of_each(table: pd.DataFrame, report: DataReport) -> pd.DataFrame:
    """The table without copies inside a part."""
    first = table.groupby("sequence")["label"].transform("first")
    if (clash := (first != table["label"]).to_numpy()).any():
        row = table.iloc[int(np.argmax(clash))]
        other = table.loc[table["sequence"] == row["sequence"], "id"].iloc[0]
        raise BadInput(
            f"{other} and {row['id']} are one sequence with two labels ({int(clash.sum())} such lines). Correct them, or average values."
        )
    copies = table.duplicated(["sequence", "part"])
    report.count("copy_left_out", int(copies.sum()), where=next(iter(table["id"][copies]), ""))
    table = table[~copies].reset_index(drop=True)
    across = table.duplicated("sequence")
    report.count("copy_across_parts", int(across.sum()), where=next(iter(table["id"][across]), ""))
    return table
