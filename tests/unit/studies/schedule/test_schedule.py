"""``glmkit schedule``: the timers that it writes, and the moments that it makes up for."""

import re
import shlex
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from glmkit.cli import main
from glmkit.studies.schedule import backends, schedule, trigger
from tests import fake_clocks
from tests.faults.notebooks import toy

ODD = "100% l'été $(touch x) {a}"


@pytest.fixture
def clocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace of the toy study; returns the folder of the two clocks."""
    (tmp_path / ODD).mkdir()
    toy(tmp_path / ODD)
    for name, value in fake_clocks.put_on_path(tmp_path / "bin").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GLMKIT_WORKSPACE", str(tmp_path / ODD))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("NCBI_API_KEY", "not-to-be-kept")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path / "bin"


def test_cron_lines_are_written_beside_others_listed_and_taken_away(clocks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clocks / "crontab.txt").write_text("MAILTO=me\n0 5 * * * backup\n")
    assert main(["schedule", "toy", "--cron", "30 2 * * 1-5", "--backend", "cron", "--set", "first.steps=9"]) == 0
    head, shown = capsys.readouterr().out.splitlines()
    assert head.split() == ["run", "times", "backend", "next", "last", "outcome"]
    assert re.fullmatch(r"toy +30 2 \* \* 1-5 +cron +20\d\d-\d\d-\d\d 02:30", shown)
    lines = fake_clocks.crontab(clocks)
    assert lines[:2] == ["MAILTO=me", "0 5 * * * backup"]
    assert [line[:12] for line in lines[2:]] == ["30 2 * * 1-5", "7,37 * * * *"]
    words = shlex.split(lines[2].split(maxsplit=5)[5].replace(r"\%", "%"), comments=True)
    (kept,) = schedule.schedules()
    assert words[1:] == ["-P", "-m", "glmkit.cli", "run", kept.study, "--scheduled", str(kept.file), f">>{kept.log}", "2>&1"]
    assert "--catch-up" in lines[3]
    assert "not-to-be-kept" not in kept.file.read_text()
    assert (kept.settings, kept.variables["GLMKIT_WORKSPACE"]) == (("first.steps=9",), kept.workspace)

    assert main(["schedule", "toy", "--at", "03:00", "--backend", "cron"]) == 0  # another time takes the place of the first
    assert [line[:9] for line in fake_clocks.crontab(clocks)[2:]] == ["0 3 * * *", "7,37 * * "]
    assert main(["schedule", "remove", "tooy"]) == 2
    assert "'tooy' is not a schedule" in capsys.readouterr().err
    assert main(["schedule", "remove", "toy"]) == 0
    assert fake_clocks.crontab(clocks) == lines[:2]
    capsys.readouterr()
    assert main(["schedule", "list"]) == 0
    assert capsys.readouterr().out.startswith("No schedules in ")


def test_systemd_units_catch_up_and_quote_what_systemd_would_read(clocks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schedule", "toy", "--at", "02:30"]) == 0
    (kept,) = schedule.schedules()
    assert kept.backend == "systemd"
    service, timer = (path.read_text() for path in backends._units(kept.timer()))
    assert "OnCalendar=*-*-* 02:30:00\nPersistent=true\n" in timer
    assert '/100%% l\'été $$(touch x) {a}/notebooks/studies/toy.yaml" "--scheduled" ' in service
    assert (clocks / "systemctl.txt").read_text().splitlines()[1:] == [
        "--user daemon-reload",
        f"--user enable --now {kept.timer().id}.timer",
    ]
    assert main(["schedule", "toy", "--at", "04:00", "--backend", "cron"]) == 0  # it moves to the other clock
    assert not backends.there("systemd", kept.timer())
    assert len(fake_clocks.crontab(clocks)) == 2
    (clocks / "crontab.txt").write_text("")
    assert "never: the timer is missing" in schedule.show()


def test_without_systemd_it_is_cron_and_without_either_a_sentence(clocks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (clocks / "no-bus").touch()
    assert backends.best_backend() == "cron"
    monkeypatch.setenv("PATH", str(clocks.parent))
    with pytest.raises(schedule.BadInput, match=r"crontab \(cron\) is not installed: run 'apt install cron'\.$"):
        backends.best_backend()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["toy"], "Expected: glmkit schedule STUDY --at HH:MM"),
        (["toy", "--at", "25:00"], "is not a time of day"),
        (["toy", "--at", "02:00", "--set", "first.step=1"], "first.step is unknown to first.ipynb"),
        (["toy", "--at", "02:00", "--on-failure", "mail 'me"], "cannot be split into words"),
    ],
)
def test_what_is_wrong_is_said_now_and_not_at_night(
    clocks: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    assert main(["schedule", *words]) == 2
    assert says in capsys.readouterr().err
    assert schedule.schedules() == fake_clocks.crontab(clocks) == []


def test_a_password_is_not_kept(clocks: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:hunter22@db/runs")
    assert main(["schedule", "toy", "--at", "02:00"]) == 2
    assert "Put the password into ~/.pgpass" in capsys.readouterr().err
    assert schedule.schedules() == []


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_missed_moments_and_runs_cut_off_by_the_machine(tmp_path: Path) -> None:
    one = schedule.Schedule(
        name="a", study="s", workspace=str(tmp_path), cron="30 2 * * *", backend="cron", made=at("2026-03-01 12:00")
    )
    booted = at("2026-03-01 08:00")
    assert not trigger.missed(one, {}, at("2026-03-01 23:00"), booted)  # what was due before it was made is not missed
    assert not trigger.missed(one, {}, at("2026-03-02 02:34"), booted)  # its own timer is about to be seen
    assert trigger.missed(one, {}, at("2026-03-02 02:36"), booted)
    assert trigger.missed(one, {"stamp": at("2026-03-02 02:30")}, at("2026-03-05 09:00"), booted)
    assert not trigger.missed(one, {"stamp": at("2026-03-05 02:30")}, at("2026-03-05 09:00"), booted)
    cut = {"stamp": at("2026-03-05 02:30"), "going": {"began": "2026-03-05T02:30:00+00:00", "pid": 3}}
    assert trigger.missed(one, cut, at("2026-03-05 09:00"), at("2026-03-05 08:00"))
    assert not trigger.missed(one, cut, at("2026-03-05 09:00"), booted)  # the machine stayed up: who ended it meant to


def test_units_pass_systemds_own_check(clocks: Path, tmp_path: Path) -> None:
    if not Path("/usr/bin/systemd-analyze").exists():
        pytest.skip("needs systemd-analyze (apt install systemd)")
    main(["schedule", "toy", "--cron", "0 0 1,15 * 5", "--backend", "systemd"])
    paths = [str(path) for path in backends._units(schedule.schedules()[0].timer())]
    said = subprocess.run(["/usr/bin/systemd-analyze", "verify", "--user", *paths], capture_output=True, text=True)
    assert [line for line in said.stderr.splitlines() if "glmkit" in line] == []
