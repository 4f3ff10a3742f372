"""Splits by name (chromosomes, species, subjects, studies) or by date.

These splits are not random: the test set is stated by name or date. A split by name estimates performance on a new chromosome
or study. A split by date estimates what a model would have predicted at that time, as is appropriate for viruses, clinical
samples and growing databases. There is only one such split, so its variability cannot be estimated.
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
        Names of the test part.
    validation
        Names of the validation part.

    Returns
    -------
    numpy.ndarray
        str (n,): ``train``, ``validation`` or ``test``.

    Raises
    ------
    BadInput
        A name that no item has (the known ones are listed), one name for both parts, an item without a name, or nothing left to
        train on.

    Examples
    --------
    >>> from glmkit.data.splits import split_by
    >>> split_by(["chr1", "chr2", "chr8", "chr9"], held_out=["chr8"], validation=["chr9"]).tolist()
    ['train', 'train', 'test', 'validation']
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
        raise BadInput(f"{both} are given for test and for validation. Name each once.")
    names = np.asarray(values).astype(str).tolist()
    parts = hold_out(names, held_out)
    if not validation:
        return parts
    chosen = np.where(hold_out(names, validation) == "test", "validation", parts).astype("<U10")
    if "train" not in chosen:
        raise BadInput(f"Holding out {sorted({*held_out, *validation})} leaves nothing to train on. Hold out fewer groups.")
    return chosen


def split_dates(dates: Sequence | np.ndarray | pd.Series, test_from: str, validation_from: str | None = None) -> np.ndarray:
    """Assign items to parts by date, the latest to test; equal dates are never separated.

    A date given to the year or month only (``2019``, ``2019-05``) covers that whole period. It is refused if a limit falls
    inside the period, because its side is then undefined.

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
        A missing date, text that is not a date (the first five and the count), a limit inside the period of a date, limits in
        the wrong order, or a part without items.

    Examples
    --------
    >>> from glmkit.data.splits import split_dates
    >>> split_dates(["2018", "2019-05", "2020-03-17"], test_from="2020-01-01", validation_from="2019-01-01").tolist()
    ['train', 'validation', 'test']
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
    """First and last moment of a date; None if `value` is not a date."""
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
