"""Splits by a name or a date: whole chromosomes, species, subjects, studies, or all that came later.

Nothing is random here: who reads the result can say what was held out and why. A named split asks how a model fares on a new
chromosome or study; a split by date asks what it would have told at the time, which is the honest question for viruses, clinical
samples and databases that grow. The trade-off is one split instead of many: it has no spread of its own.
"""

import re
from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from glmkit.data.splits.blocks import hold_out
from glmkit.errors import BadInput

_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")


def split_by(values: Sequence | np.ndarray, held_out: Collection[str], validation: Collection[str] = ()) -> np.ndarray:
    """Put whole chromosomes, species, subjects or studies, by name, into the test and the validation part.

    Parameters
    ----------
    values
        Name of each of n items: its chromosome, species, subject or study.
    held_out
        Names that are tested on.
    validation
        Names that a model is chosen by.

    Returns
    -------
    numpy.ndarray
        str (n,): ``train``, ``validation`` or ``test``.

    Raises
    ------
    BadInput
        A name that no item has (the known ones are listed), one name for both parts, an item without a name, or nothing left to
        train on.
    """
    missing = pd.isna(np.asarray(values, dtype=object))
    if missing.any():
        raise BadInput(
            f"{int(missing.sum())} of {len(missing)} items have no name, the first is item {int(np.argmax(missing))}. Name them."
        )
    for what, names in (("held_out", held_out), ("validation", validation)):
        if isinstance(names, str):
            raise BadInput(f"{what}: expected a list of names, got the text {names!r}. Write [{names!r}].")
    if not held_out:
        raise BadInput("held_out: expected at least one name to test on, got none.")
    if both := sorted(set(held_out) & set(validation)):
        raise BadInput(f"{both} are asked for in test and in validation. Name each once.")
    names = np.asarray(values).astype(str).tolist()
    parts = hold_out(names, held_out)
    if not validation:
        return parts
    chosen = np.where(hold_out(names, validation) == "test", "validation", parts).astype("<U10")
    if "train" not in chosen:
        raise BadInput(f"Holding out {sorted({*held_out, *validation})} leaves nothing to train on. Hold out fewer groups.")
    return chosen


def split_dates(dates: Sequence | np.ndarray | pd.Series, test_from: str, validation_from: str | None = None) -> np.ndarray:
    """Test on what is dated later; equal dates stay together.

    A date known to the year or the month only (``2019``, ``2019-05``) stands for all of it, and is refused where a limit falls
    inside it: nobody can say on which side it belongs.

    Parameters
    ----------
    dates
        Date of each of n items, as text (``2019``, ``2019-05`` or ``2019-05-17``) or as datetimes.
    test_from
        First date of the test part, such as ``2020-03-01``.
    validation_from
        First date of the validation part, before `test_from`. None: no validation part.

    Returns
    -------
    numpy.ndarray
        str (n,): ``train``, ``validation`` or ``test``.

    Raises
    ------
    BadInput
        A missing date, or one that is none (the first five and the count), a date that a limit cuts, limits in the wrong order,
        or a part without items.
    """
    limits = [_limit("test_from", test_from)]
    if validation_from is not None:
        limits.append(_limit("validation_from", validation_from))
        if limits[1] >= limits[0]:
            raise BadInput(f"Expected validation_from before test_from, got {validation_from} and {test_from}.")
    codes, known = pd.factorize(pd.Series(dates))
    if (codes < 0).any():
        raise BadInput(
            f"{int((codes < 0).sum())} items have no date, the first is item {int(np.argmax(codes < 0))}. Leave them out."
        )
    spans = [_span(value) for value in known]
    if wrong := [str(value) for value, span in zip(known, spans, strict=True) if span is None]:
        raise BadInput(
            f"{len(wrong)} dates cannot be read: {', '.join(map(repr, wrong[:5]))}. Expected years, months or days such as "
            "2019, 2019-05 or 2019-05-17."
        )
    first, last = (pd.DatetimeIndex([span[side] for span in spans if span is not None]) for side in (0, 1))
    parts = np.full(len(known), "train", dtype="<U10")
    for limit, part in zip(limits[::-1], ("validation", "test")[-len(limits) :], strict=True):
        if (cut := (first < limit) & (last >= limit)).any():
            shown = ", ".join(str(value) for value in known[cut][:5])
            raise BadInput(
                f"The limit {limit.date()} falls inside {shown}: {int(np.isin(codes, np.flatnonzero(cut)).sum())} items cannot be "
                "placed. Move the limit to the start of a year or month, or leave such items out."
            )
        parts[np.asarray(first >= limit)] = part
    of_item = parts[codes]
    for part in ("train", *("validation", "test")[-len(limits) :]):
        if part not in of_item:
            raise BadInput(
                f"No item falls into {part}: dates run from {first.min().date()} to {last.max().date()}. Move the limits."
            )
    return of_item


def _limit(name: str, date: str) -> pd.Timestamp:
    span = _span(date)
    if span is None:
        raise BadInput(f"{name}: expected a date such as 2020-03-01, got {date!r}.")
    return span[0]


def _span(value: object) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """First and last moment of a date; None if it is none."""
    try:
        if isinstance(value, str):
            period = pd.Period(value) if _DATE.fullmatch(value) else None
            return None if period is None else (period.start_time, period.end_time)
        if isinstance(value, (int, np.integer)):
            return _span(f"{value:04d}")
        moment = pd.Timestamp(value).tz_localize(None)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return None
    return moment, moment
