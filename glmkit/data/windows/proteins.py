"""Proteins with labels: records joined to a table of labels by id.

The two files come from different sources, so the join is error-prone: an id that one of them lacks, a header with a version, a
label for a protein that was left out. Items without a partner are counted, and contradictions are refused.
"""

import gzip
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from glmkit.bio import DataReport, Interval, Record
from glmkit.data.windows.labelled_windows import LabelledWindows
from glmkit.errors import BadInput

_GZIP = b"\x1f\x8b"


def read_labels(path: str | Path, column: str, key: str = "id") -> dict[str, str]:
    """A column of a tab-separated table, by id.

    Parameters
    ----------
    path
        Table with a header line, plain or gzipped.
    column
        Column of the labels.
    key
        Column of the ids.

    Returns
    -------
    dict
        Id to label, as text, in the order of the table.

    Raises
    ------
    BadInput
        No such file, no such column (those found are listed), an empty label, or an id that occurs twice.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from glmkit.data import read_labels
    >>> path = Path(tempfile.mkdtemp()) / "labels.tsv"
    >>> _ = path.write_text("id\\tlocation\\np1\\tmembrane\\np2\\tcytosol\\n")
    >>> read_labels(path, "location")
    {'p1': 'membrane', 'p2': 'cytosol'}
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{path} is not a file. Give a tab-separated table with the columns {key!r} and {column!r}.")
    opener = gzip.open if path.read_bytes()[:2] == _GZIP else open
    try:
        with opener(path, "rt", encoding="utf-8", newline="") as file:
            table = pd.read_csv(file, sep="\t", dtype=str, keep_default_na=False)
    except (OSError, EOFError, ValueError) as error:
        raise BadInput(f"{path} is not a table that can be read ({error}). Write it as tab-separated text.") from error
    if missing := [name for name in (key, column) if name not in table.columns]:
        raise BadInput(f"{path} lacks the column {missing[0]!r}; it has {list(table.columns)}.")
    if (empty := table[column].str.strip() == "").any():
        raise BadInput(f"{path}, line {int(np.argmax(empty)) + 2}: the label of {table[key][int(np.argmax(empty))]!r} is empty.")
    if (twice := table[key].duplicated()).any():
        raise BadInput(f"{path}: {table[key][int(np.argmax(twice))]!r} has two lines. Keep one label per protein.")
    return dict(zip(table[key], table[column], strict=True))


def labelled_proteins(
    records: Iterable[Record],
    labels: dict[str, str],
    positive: str,
    *,
    drop_methionine: bool = True,
    report: DataReport | None = None,
) -> LabelledWindows:
    """Join proteins to their labels, one class against the rest.

    Parameters
    ----------
    records
        Protein records; soft masks are ignored.
    labels
        Id to label, such as :func:`read_labels` returns.
    positive
        Label of class 1; all other labels are class 0.
    drop_methionine
        Whether to remove an initial M. Some databases keep it and some do not, so its presence can reveal the source of a
        protein.
    report
        Report that counts ``protein_without_label``, ``label_without_protein``, ``first_methionine_dropped`` and
        ``protein_duplicate`` (a sequence that occurred before under another id, which is left out).

    Returns
    -------
    LabelledWindows
        One item per protein, whose id is both group and reference.

    Raises
    ------
    BadInput
        No protein has a label, no label is `positive`, or one sequence has two labels.

    Examples
    --------
    >>> from glmkit.bio import Record
    >>> from glmkit.data import labelled_proteins
    >>> proteins = [Record("p1", "MKTAY"), Record("p2", "MVLSP"), Record("p3", "MGHFT")]
    >>> found = labelled_proteins(proteins, {"p1": "membrane", "p2": "cytosol"}, positive="membrane")
    >>> found.sequences, found.labels.tolist(), found.groups
    (['KTAY', 'VLSP'], [1, 0], ['p1', 'p2'])
    """
    report = DataReport() if report is None else report
    if positive not in set(labels.values()):
        raise BadInput(f"No protein is labelled {positive!r}; the labels are {sorted(set(labels.values()))[:10]}.")
    seen: dict[str, str] = {}
    rows: list[tuple[str, str]] = []
    left = dict(labels)
    for record in records:
        if left.pop(record.id, None) is None:
            report.count("protein_without_label", where=record.id)
            continue
        cut = drop_methionine and record.sequence.startswith("M") and len(record) > 1
        sequence = record.sequence[cut:]
        report.count("first_methionine_dropped", int(cut))
        if (other := seen.setdefault(sequence, record.id)) != record.id:
            if labels[other] != labels[record.id]:
                raise BadInput(
                    f"{other!r} ({labels[other]}) and {record.id!r} ({labels[record.id]}) are one sequence with two labels. "
                    "Correct or drop one of them."
                )
            report.count("protein_duplicate", where=record.id)
            continue
        rows.append((record.id, sequence))
    report.count("label_without_protein", len(left), where=next(iter(left), ""))
    if not rows:
        raise BadInput(f"No protein has a label: no id occurs in both files. The ids of the table begin with {list(labels)[:3]}.")
    names, sequences = [name for name, _ in rows], [sequence for _, sequence in rows]
    where = [Interval(name, 0, len(sequence), 0) for name, sequence in rows]
    return LabelledWindows(sequences, np.array([labels[name] == positive for name in names], np.int64), names, where)
