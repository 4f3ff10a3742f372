"""A study on a clock: one run, one skip, no overlap, and a failure that somebody is told of. The hours take no time."""

import json
import re
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from glmkit.cli import main
from glmkit.files import exclusive
from glmkit.studies.files import record
from glmkit.studies.schedule import schedule, trigger
from glmkit.studies.tracking import runs
from tests import fake_clocks
from tests.faults.notebooks import FIRST, notebook

ROOT = Path(__file__).parents[2]
SECOND = (
    'out: str = "x"  # folder\nfirst: str = "x"  # stage before\ndropout: float = 0.0  # share [0, 0.9]\nseed: int = 1  # seed\n'
)
ODD = "100% l'été $(touch x) {a}"
NIGHT = datetime(2026, 11, 21, 2, 0)


class Clocked:
    """A workspace of a study that runs at half past two, and a cron to set it off."""

    def __init__(self, root: Path, clocks: Path) -> None:
        self.root, self.clocks, self.study = root, clocks, root / "notebooks/studies/toy.yaml"
        notebook(root / "notebooks/first.ipynb", FIRST, "1")
        notebook(root / "notebooks/second.ipynb", SECOND, "2")
        (root / "glmkit.toml").touch()
        self.study.parent.mkdir()
        self.write(0.0)

    def write(self, dropout: float) -> None:
        """The study, with another value."""
        second = f"{{notebook: second.ipynb, with: {{dropout: {dropout}}}}}"
        self.study.write_text(f"name: toy\nstages:\n  first: {{notebook: first.ipynb}}\n  second: {second}\n")

    def start(self, command: str) -> Any:
        """What cron starts; stages run without a kernel, and the store is not asked."""
        quick = command.replace("-m glmkit.cli", "-m tests.faults.quick_job")
        return fake_clocks.start(quick, self.root.parent, PYTHONPATH=str(ROOT))

    def night(self) -> tuple[int, dict[str, Any]]:
        """One night in a moment: the exit code of what was due at 02:30, and what is kept of it."""
        lines = [line for line in fake_clocks.crontab(self.clocks) if "--catch-up" not in line]
        ((moment, command),) = fake_clocks.due(lines, NIGHT, 12 * 60)
        assert f"{moment:%H:%M}" == "02:30"
        code = self.start(command).wait(120)
        (kept,) = schedule.schedules()
        state = json.loads(kept.state.read_text())
        assert state["last"]["exit_code"] == code
        return code, state["last"]

    def ran(self) -> list[str]:
        return (self.root / "ran.txt").read_text().split()


@pytest.fixture
def clocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clocked:
    for name, value in fake_clocks.put_on_path(tmp_path / "bin").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GLMKIT_WORKSPACE", str(tmp_path / ODD))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Clocked(tmp_path / ODD, tmp_path / "bin")


def test_two_nights_are_one_run_and_one_skip_overlap_is_refused_and_failure_told(clocked: Clocked, tmp_path: Path) -> None:
    told = tmp_path / "told.txt"
    command = f"""sh -c 'echo "$GLMKIT_RUN $GLMKIT_EXIT_CODE $GLMKIT_ERROR" > {told}'"""
    assert main(["schedule", "toy", "--at", "02:30", "--backend", "cron", "--on-failure", command]) == 0
    (kept,) = schedule.schedules()

    code, last = clocked.night()
    assert (code, last["outcome"], clocked.ran()) == (0, "RAN", ["first", "second"])
    code, last = clocked.night()
    assert (code, last["outcome"], clocked.ran()) == (0, "SKIPPED", ["first", "second"])
    assert "toy: nothing to be done." in kept.log.read_text()

    with exclusive(clocked.root / "runs/toy/.lock"):  # a run is at work in the folder
        code, last = clocked.night()
        assert (code, last["outcome"]) == (2, "OVERLAP")
        assert re.search(r"runs/toy is in use by pid \d+ on ", last["error"])
    assert not told.exists()  # the run at work speaks for itself

    clocked.write(0.3)
    code, last = clocked.night()
    assert (code, last["outcome"]) == (2, "FAILED")
    assert told.read_text().split("\n")[0] == "toy 2 second: BadInput: too much dropout."
    assert re.search(r"cron +20\d\d-\d\d-\d\d 02:30 .* FAILED second: BadInput: too much dropout\.$", schedule.show())


def test_the_line_that_looks_for_a_missed_night_runs_nothing_in_vain(clocked: Clocked) -> None:
    assert main(["schedule", "toy", "--at", f"{datetime.now():%H:%M}", "--backend", "cron"]) == 0
    (kept,) = schedule.schedules()
    ((_, command),) = fake_clocks.due(fake_clocks.crontab(clocked.clocks)[1:], NIGHT, 30)
    began = time.monotonic()
    assert clocked.start(command).wait(60) == 0
    assert time.monotonic() - began < 10
    assert kept.log.read_text() == ""
    value = json.loads(kept.file.read_text())
    kept.file.write_text(json.dumps(value | {"made": value["made"] - 3 * 86_400}))  # and three days nobody was here
    assert clocked.start(command).wait(120) == 0
    assert clocked.ran() == ["first", "second"]
    assert ", catching up\n" in kept.log.read_text()


def test_mlflow_is_told_what_came_of_a_call(clocked: Clocked, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["schedule", "toy", "--at", "02:30", "--backend", "cron"]) == 0
    (kept,) = schedule.schedules()
    tags: list[tuple[str, dict[str, Any]]] = []
    opened: list[str] = []
    monkeypatch.setattr(runs, "tag_run", lambda run_id, given: tags.append((run_id, given)))
    monkeypatch.setattr(runs, "open_parent", lambda *words: opened.append(words[0]) or "new")
    monkeypatch.setattr(runs, "close_run", lambda *words: opened.append(words[1]))
    record.update(clocked.root / "runs/toy", mlflow_run="old", started="2026-01-01T00:00:00.000+00:00", study="toy")
    assert trigger.trigger(kept.file, lambda _: False) == 0
    ended = json.loads(kept.state.read_text())["last"]["ended"]
    assert tags == [("old", {"glmkit.schedule": "toy", "skipped": ended})]

    def broken(_: schedule.Schedule) -> bool:
        raise schedule.BadInput("first.ipynb was not found.")

    with pytest.raises(schedule.BadInput):
        trigger.trigger(kept.file, broken)
    assert opened == ["toy", "FAILED"]  # it failed before it had a run of its own, so it is given one
    assert tags[1] == (
        "new",
        {
            "glmkit.schedule": "toy",
            "glmkit.schedule.outcome": "FAILED",
            "glmkit.schedule.exit_code": 2,
            "glmkit.schedule.error": "first.ipynb was not found.",
        },
    )
    assert sys.executable in fake_clocks.crontab(clocked.clocks)[0]
