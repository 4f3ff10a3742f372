"""Times of a timer as the five fields of cron, for both backends.

cron does not report missed times, and systemd has another syntax for times. :class:`CronTime` serves both: it gives the last time
before and the first time after a moment, and the ``OnCalendar`` lines for systemd. Times are local times without a time zone, as
in cron. When the clock is set back, one hour occurs twice, and a timer in that hour may run twice.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from glmkit.errors import BadInput

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: dict[str, tuple[int, int, dict[str, int]]] = {  # lowest, highest, names
    "minute": (0, 59, {}),
    "hour": (0, 23, {}),
    "day of the month": (1, 31, {}),
    "month": (1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    "day of the week": (0, 7, {name: number for number, name in enumerate(_DAYS)}),
}
_SHORT = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FARTHEST = 9 * 366  # days that are searched: 29 February may be eight years away


@dataclass(frozen=True, kw_only=True)
class CronTime:  # numpydoc ignore=PR02
    """Times given by a cron expression.

    Parameters
    ----------
    text
        The five fields, separated by single blanks.
    minutes, hours, days, months, weekdays
        Allowed values of each field in ascending order; weekdays from 0 (Sunday) to 6.
    any_day, any_weekday
        Whether the field begins with ``*``. If neither does, a day matches if *either* field matches, as in cron.
    """

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    any_day: bool
    any_weekday: bool

    def on(self, day: date) -> bool:
        """Whether the expression matches `day`."""
        by_day, by_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        both = by_day and by_week if self.any_day or self.any_weekday else by_day or by_week
        return day.month in self.months and both

    def matches(self, moment: datetime) -> bool:
        """Whether the expression matches the minute of `moment`."""
        return moment.minute in self.minutes and moment.hour in self.hours and self.on(moment.date())

    def before(self, moment: datetime) -> datetime | None:
        """Last matching time at or before `moment`; None if there was none within nine years."""
        for back in range(_FARTHEST):
            day = moment.date() - timedelta(days=back)
            if self.on(day):
                times = [at for at in self._moments(day) if at <= moment]
                if times:
                    return times[-1]
        return None

    def after(self, moment: datetime) -> datetime | None:
        """First matching time after `moment`; None if there is none within nine years, as for 30 February."""
        for ahead in range(_FARTHEST):
            day = moment.date() + timedelta(days=ahead)
            if self.on(day):
                times = [at for at in self._moments(day) if at > moment]
                if times:
                    return times[0]
        return None

    def _moments(self, day: date) -> list[datetime]:
        return [datetime.combine(day, time(hour, minute)) for hour in self.hours for minute in self.minutes]

    def calendar(self) -> list[str]:
        """The same times as values of systemd's ``OnCalendar``; two values if cron matches either of two fields."""
        clock = f"{_listed(self.hours, 24)}:{_listed(self.minutes, 60)}:00"
        months = _listed(self.months, 12)
        named = ",".join(_DAYS[day].capitalize() for day in self.weekdays)
        week = "" if len(self.weekdays) == 7 else f"{named} "
        if self.any_day or self.any_weekday:
            return [f"{week}*-{months}-{_listed(self.days, 31)} {clock}"]
        return list(dict.fromkeys([f"*-{months}-{_listed(self.days, 31)} {clock}", f"{week}*-{months}-* {clock}"]))


def _listed(numbers: tuple[int, ...], all_of_them: int) -> str:
    return "*" if len(numbers) == all_of_them else ",".join(f"{number:02}" for number in numbers)


def daily(clock: str) -> CronTime:
    """Every day at the time `clock`, such as ``02:30``.

    Raises
    ------
    BadInput
        `clock` is not a time of day.
    """
    found = re.fullmatch(r"(\d{1,2}):(\d{2})", clock.strip(), re.ASCII)
    if not found or int(found[1]) > 23 or int(found[2]) > 59:
        raise BadInput(
            f"--at {clock!r} is not a time of day. Expected hours and minutes from 00:00 to 23:59, such as --at 02:30."
        )
    return read_cron(f"{int(found[2])} {int(found[1])} * * *")


def read_cron(text: str) -> CronTime:
    """Parse a cron expression: five fields of numbers, names, lists, ranges and steps, or a word such as ``@daily``.

    Raises
    ------
    BadInput
        A field is missing or invalid, or the date never occurs.

    Examples
    --------
    >>> when = read_cron("30 2 * * mon-fri")
    >>> print(when.after(datetime(2026, 5, 1, 12)))  # a Friday
    2026-05-04 02:30:00
    >>> when.calendar()
    ['Mon,Tue,Wed,Thu,Fri *-*-* 02:30:00']
    """
    fields = _SHORT.get(text.strip().lower(), text).split()
    if len(fields) != 5:
        raise BadInput(
            f"--cron {text!r} has {len(fields)} fields, expected five: minute, hour, day of the month, month, day of the week, "
            f"such as '30 2 * * 1-5'; or one of {', '.join(_SHORT)}."
        )
    minutes, hours, days, months, weekdays = (_field(value, name, text) for value, name in zip(fields, _FIELDS, strict=True))
    found = CronTime(
        text=" ".join(fields),
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=tuple(sorted({day % 7 for day in weekdays})),
        any_day=fields[2].startswith("*"),
        any_weekday=fields[4].startswith("*"),
    )
    if found.after(datetime(2024, 1, 1)) is None:
        raise BadInput(f"--cron {text!r} names a date that never occurs.")
    return found


def _field(value: str, name: str, text: str) -> tuple[int, ...]:
    lowest, highest, names = _FIELDS[name]
    wrong = BadInput(
        f"--cron {text!r}: {value!r} is not a valid {name}. Expected {lowest} to {highest}, '*', a range (1-5), a list (1,3) or a step (*/2)."
    )
    numbers: set[int] = set()
    for part in value.lower().split(","):
        found = re.fullmatch(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?", part, re.ASCII)
        if not found:
            raise wrong
        start, end, step = found.groups()
        if start == "*":
            first, last = lowest, highest
            wrong_end = end is not None
        else:
            first = _number(start, names)
            last = _number(end, names) if end else highest if step else first
            wrong_end = not lowest <= first <= last <= highest
        if wrong_end or (step is not None and int(step) < 1):
            raise wrong
        numbers |= set(range(first, last + 1, int(step or 1)))
    return tuple(sorted(numbers))


def _number(word: str, names: dict[str, int]) -> int:
    """Number of a word in a field; -1, which no field allows, if the word is invalid."""
    return names.get(word, int(word) if word.isdecimal() else -1)
