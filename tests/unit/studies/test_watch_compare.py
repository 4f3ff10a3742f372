"""``glmkit status --watch`` ends with the run; ``glmkit compare`` shows what differs and nothing else."""

import io
import threading
import time
from pathlib import Path

import pytest

from glmkit.cli import main
from glmkit.files import write_text
from glmkit.studies.files import record
from glmkit.studies.files.metrics_log import Journal
from glmkit.studies.report import status, watch
from glmkit.studies.report.compare_runs import compare


def test_watching_writes_each_change_once_and_ends_with_the_run(untracked: Path) -> None:
    folder = untracked / "runs/genes"
    record.update(folder, status="RUNNING", stages=["pretrain"], started=record.now(), **record.process())
    record.update(folder / "pretrain", status="RUNNING", parameters={"steps": 4000}, started=record.now(), **record.process())
    journal = Journal(folder / "pretrain/metrics.jsonl")
    journal.log(2000, {"loss": 1.25, "eta_seconds": 61, "memory_gb": 3.21})
    journal.close()
    out = io.StringIO()

    def end() -> None:
        time.sleep(0.3)
        record.update(folder / "pretrain", status="FINISHED", seconds=65)
        record.update(folder, status="FINISHED", seconds=66)

    ending = threading.Thread(target=end)
    ending.start()
    assert watch.watch("genes", 0.02, out) == 0
    ending.join()
    first, *_, last = out.getvalue().split("\n\n")
    assert first.splitlines()[2].split() == [
        "pretrain",
        "RUNNING",
        "0.0",
        "s",
        "2,000",
        "of",
        "4,000",
        "1.25",
        "1",
        "min",
        "01",
        "s",
        "3.2",
        "GB",
    ]
    assert last.splitlines()[0] == "genes  FINISHED"
    assert 2 <= out.getvalue().count("genes  ") <= 3  # not once a look
    record.update(folder, status="FAILED")
    assert watch.watch("genes", 0.02, io.StringIO()) == 1


def test_in_a_terminal_the_table_stays_in_its_place(untracked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record.update(untracked / "runs/genes", status="FINISHED", stages=[f"stage{n}" for n in range(40)])
    out = io.StringIO()
    monkeypatch.setattr(out, "isatty", lambda: True)
    monkeypatch.setenv("LINES", "9")
    monkeypatch.setenv("COLUMNS", "30")
    watch.watch("genes", 0.02, out)
    lines = out.getvalue().removeprefix("\x1b[H\x1b[2J").splitlines()
    assert (len(lines), lines[0], lines[-1]) == (8, "genes  FINISHED", "…")
    assert max(map(len, lines)) <= 30


def test_memory_of_gpus() -> None:
    said = "0, 12288, 81559, 97\n1, 0, 81559, [N/A]\nsomething else\n"
    assert watch.gpu_memory(said) == ["GPU 0: 12.0 of 79.6 GiB, 97 % busy", "GPU 1: 0.0 of 79.6 GiB"]


def finished(folder: Path, dropout: float, table: str, **versions: str) -> None:
    stage = folder / "evaluate"
    tables = [{"name": "scores", "file": "tables/scores.csv", "headline": True}, {"name": "rest", "file": "tables/rest.csv"}]
    record.update(folder, status="FINISHED", study="genes", stages=["evaluate"], versions=versions, seconds=3.0)
    parameters = {"dropout": dropout, "model": f"runs/{folder.name}/pretrain", "seed": 3}
    record.update(stage, status="FINISHED", parameters=parameters, code="ab" * 32, results={"tables": tables}, seconds=65)
    write_text(stage / "tables/scores.csv", table)
    write_text(stage / "tables/rest.csv", "x\n1\n")


HEAD = "method,metric,value,low,high,items\n"


def test_two_runs_side_by_side(untracked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = untracked / "runs"
    finished(runs / "one", 0.0, f"{HEAD}model,auroc,0.91,0.88,0.93,120\nlength,auroc,0.5,0.45,0.55,120\n", torch="2.13")
    finished(runs / "two", 0.3, f"{HEAD}model,auroc,0.935,0.9,0.95,120\nk-mers,auroc,0.8,0.7,0.9,120\n", torch="2.14")
    assert main(["compare", "one", "runs/two"]) == 0
    heads, given, numbers = capsys.readouterr().out.split("\n\n")
    assert heads.splitlines()[-1].split() == ["computing", "1", "min", "05", "s", "1", "min", "05", "s"]
    assert [line.split() for line in given.splitlines()] == [
        ["setting", "one", "two"],
        ["evaluate.dropout", "0.0", "0.3"],
        ["version", "of", "torch", "2.13", "2.14"],
    ]
    lines = [" ".join(line.split()) for line in numbers.splitlines()]
    assert lines[1] == "evaluate/scores model, auroc value 0.910 (0.880 to 0.930) 0.935 (0.900 to 0.950) +0.025"
    assert lines[2] == "evaluate/scores model, auroc items 120 120 0"
    assert "evaluate/scores k-mers, auroc value – 0.800 (0.700 to 0.900)" in lines
    assert lines[-1].startswith("The intervals are those of each run's own value")
    assert "The settings are the same" in compare(runs / "one", "one")


def test_an_unknown_run_is_named(untracked: Path) -> None:
    record.update(untracked / "runs/one", status="FINISHED")
    with pytest.raises(status.BadInput, match="'tow' is not a run"):
        compare("one", "tow")
