"""Cron's five fields: what they allow, the moments before and after, and systemd's words for the same."""

import shutil
import subprocess
from datetime import datetime, timedelta

import pytest

from glmkit.errors import BadInput
from glmkit.studies.schedule.cron import daily, read_cron

SATURDAY = datetime(2026, 11, 21, 18, 13)


@pytest.mark.parametrize(
    ("text", "before", "after", "calendar"),
    [
        ("30 2 * * *", "2026-11-21 02:30", "2026-11-22 02:30", ["*-*-* 02:30:00"]),
        ("5/20 * * * *", "2026-11-21 18:05", "2026-11-21 18:25", ["*-*-* *:05,25,45:00"]),
        ("13 18 * * 6,7", "2026-11-21 18:13", "2026-11-22 18:13", ["Sun,Sat *-*-* 18:13:00"]),
        ("0 6 * JAN-mar mon", "2026-03-30 06:00", "2027-01-04 06:00", ["Mon *-01,02,03-* 06:00:00"]),
        ("0 4 29 2 *", "2024-02-29 04:00", "2028-02-29 04:00", ["*-02-29 04:00:00"]),
        ("@weekly", "2026-11-15 00:00", "2026-11-22 00:00", ["Sun *-*-* 00:00:00"]),
        ("0 0 1,15 * 5", "2026-11-20 00:00", "2026-11-27 00:00", ["*-*-01,15 00:00:00", "Fri *-*-* 00:00:00"]),  # either of both
        ("0 0 */10 * 2", "2026-09-01 00:00", "2026-12-01 00:00", ["Tue *-*-01,11,21,31 00:00:00"]),  # both, for the star
    ],
)
def test_moments_and_their_systemd_names(text: str, before: str, after: str, calendar: list[str]) -> None:
    when = read_cron(text)
    assert str(when.before(SATURDAY)) == f"{before}:00"
    assert str(when.after(SATURDAY)) == f"{after}:00"
    assert when.calendar() == calendar
    assert when.matches(datetime.fromisoformat(after))
    assert not when.matches(datetime.fromisoformat(after) + timedelta(minutes=1))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (apt install systemd)")
@pytest.mark.parametrize("text", ["*/15 9-17 * jan,jun mon-fri", "0 0 1,15 * 5"])
def test_systemd_reads_the_same_moments(text: str) -> None:
    when = read_cron(text)
    nexts = []
    for line in when.calendar():
        words = ["systemd-analyze", "calendar", f"--base-time={SATURDAY}", line]
        said = subprocess.run(words, capture_output=True, text=True, check=True, env={"TZ": "UTC", "LC_ALL": "C"}).stdout
        moment = next(line for line in said.splitlines() if "Next elapse" in line).split(maxsplit=3)[3]
        nexts.append(datetime.strptime(moment.removesuffix(" UTC"), "%Y-%m-%d %H:%M:%S"))
    assert min(nexts) == when.after(SATURDAY)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("61 * * * *", "'61' is not a valid minute. Expected 0 to 59"),
        ("* * * *", "has 4 fields, expected five"),
        ("0 0 30 2 *", "names a date that never occurs"),
        ("0 0 * * 5-1", "'5-1' is not a valid day of the week. Expected 0 to 7"),
        ("0 noon * * *", "'noon' is not a valid hour"),
        ("*/0 * * * *", "is not a valid minute"),
        ("0 0 1,,2 * *", "'1,,2' is not a valid day of the month"),
    ],
)
def test_what_cron_would_not_understand(text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says.replace("*", r"\*")):
        read_cron(text)


def test_a_time_of_day() -> None:
    assert daily("02:30").text == "30 2 * * *"
    for wrong in ("24:00", "2:3", "noon", "-1:30"):
        with pytest.raises(BadInput, match=r"is not a time of day\. Expected hours and minutes from 00:00 to 23:59"):
            daily(wrong)
