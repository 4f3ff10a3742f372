"""Audits of the splits of a task, made by a function or given."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd

from glmkit.errors import BadInput
from glmkit.evaluate.tasks.task import Task


class AuditLike(Protocol):
    """The parts of an audit that a comparison keeps; :class:`glmkit.data.Audit` has them.

    Attributes
    ----------
    table
        One row for each check.
    verdict
        Summary in one sentence.
    leaks
        Whether the test side leaks into training.
    """

    table: pd.DataFrame
    verdict: str
    leaks: bool


Auditor = Callable[..., AuditLike]


class AuditSummary(NamedTuple):  # numpydoc ignore=PR02
    """Audits of several splits.

    Parameters
    ----------
    table
        One row for each split and check; the first column is ``split``.
    verdicts
        One sentence for each split, beginning with its name.
    """

    table: pd.DataFrame
    verdicts: list[str]


def audit_splits(
    task: Task, splits: Sequence[str], audit: AuditLike | Auditor | Mapping[str, AuditLike] | None
) -> dict[str, AuditLike]:
    """The audit of each split.

    Parameters
    ----------
    task
        Task whose splits are audited.
    splits
        Names of splits.
    audit
        A function ``(sequences, labels, parts, groups=, name=) -> audit``, such as :func:`glmkit.data.audit` or a partial of it with
        the alphabet, called once a split with its items (of a cross-validated split, with those of its first fold); or one audit for
        all splits; or a mapping from split to audit; or None.

    Returns
    -------
    dict
        Split to audit; empty for None.

    Raises
    ------
    BadInput
        A split without an audit, or an object that is no audit.
    """
    if audit is None:
        return {}
    if callable(audit):
        return {split: _is_audit(split, _audited(task, split, audit)) for split in splits}
    if not isinstance(audit, Mapping):
        return {split: _is_audit(split, audit) for split in splits}
    if missing := [split for split in splits if split not in audit]:
        raise BadInput(f"audit: no audit of split {missing[0]!r}; there are those of {', '.join(audit)}.")
    return {split: _is_audit(split, audit[split]) for split in splits}


def summarise_audits(audits: Mapping[str, AuditLike]) -> AuditSummary:
    """The audits of several splits as one table and one sentence for each split.

    Parameters
    ----------
    audits
        Split to audit.

    Returns
    -------
    AuditSummary
        Table and sentences, in the order of the splits; an empty table for no audits.
    """
    tables = []
    for split, audit in audits.items():
        table = audit.table.copy()
        table.insert(0, "split", split)
        tables.append(table)
    verdicts = [f"{split}: {audit.verdict}" for split, audit in audits.items()]
    return AuditSummary(pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({"split": []}), verdicts)


def _audited(task: Task, split: str, audit: Auditor) -> AuditLike:
    folds = task.folds(split)
    items = np.concatenate([folds[0].train, folds[0].test])
    parts = np.repeat(["train", "test"], [len(folds[0].train), len(folds[0].test)])
    return audit(
        [task.sequences[i] for i in items],
        np.asarray(task.labels)[items],
        parts,
        groups=[task.groups[i] for i in items],
        name=split if len(folds) == 1 else f"{split}, fold 1 of {len(folds)}",
    )


def _is_audit(split: str, audit: Any) -> AuditLike:
    if missing := [name for name in ("table", "verdict", "leaks") if not hasattr(audit, name)]:
        raise BadInput(
            f"audit of split {split!r}: expected something with .table, .verdict and .leaks, as glmkit.data.audit gives, "
            f"got {type(audit).__name__} without {', '.join(missing)}."
        )
    return audit
