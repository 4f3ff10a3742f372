"""What a notebook's ``run`` writes, records and refuses.

Covers ``glmkit.studies.notebook.inputs``.
"""

import json
import math
import os
import time
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from glmkit.errors import BadInput
from glmkit.studies.files import record
from glmkit.studies.files.secrets import is_secret, redact
from glmkit.studies.notebook.stage import open_stage


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def finished(workspace: Path, name: str, **parameters: object) -> None:
    open_stage(f"runs/s/{name}", parameters).finish()


def test_alone_from_open_to_finish(untracked: Path) -> None:
    run = open_stage("runs/s/pretrain", {"steps": 3, "rate": 1e-3})
    assert run.folder == untracked / "runs/s/pretrain"
    opened = record.read(run.folder)
    assert (opened["status"], opened["pid"], opened["study"], opened["stage"]) == ("RUNNING", os.getpid(), "s", "pretrain")
    for step in (1, 2, 3):
        run.log(step, loss=1 / step, memory_gb=float("nan"))
    run.note("Three steps are enough here.")
    run.finish()
    assert [(line["step"], line["loss"]) for line in lines(run.folder)] == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    assert all(math.isnan(line["memory_gb"]) for line in lines(run.folder))
    closed = record.read(run.folder)
    assert closed["status"] == "FINISHED"
    assert closed["seconds"] >= 0
    assert closed["error"] is None
    assert closed["parameters"] == {"steps": 3, "rate": 1e-3}
    assert closed["results"]["notes"] == ["Three steps are enough here."]
    assert closed["versions"]["glmkit"]


def test_parameters_are_what_the_notebooks_cell_annotates(untracked: Path) -> None:
    cells = """
from glmkit.studies import open_stage
import os
helper = 5
out: str = "runs/s/pretrain"
steps: int = 400
names: list[str] = ["a", "b"]
minutes: float | None = None
steps = 7  # what papermill's injected cell does
run = open_stage(out)
"""
    names: dict = {}
    exec(compile(cells, "cell", "exec"), names)
    names["run"].finish()
    expected = {"out": "runs/s/pretrain", "steps": 7, "names": ["a", "b"], "minutes": None}
    assert record.read(names["run"].folder)["parameters"] == expected


def test_attached_to_a_job_it_takes_the_jobs_parameters_and_leaves_the_status(
    untracked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = untracked / "runs/s/pretrain"
    record.update(folder, status="RUNNING", pid=1, parameters={"steps": 9}, stage="pretrain")
    monkeypatch.setenv("GLMKIT_STAGE_FOLDER", str(folder))
    run = open_stage("runs/s/pretrain")
    run.log(1, loss=2.0)
    run.finish()
    found = record.read(folder)
    assert (found["status"], found["pid"], found["parameters"], found["complete"]) == ("RUNNING", 1, {"steps": 9}, True)


def test_attached_it_refuses_another_folder(untracked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLMKIT_STAGE_FOLDER", str(untracked / "runs/s/pretrain"))
    with pytest.raises(BadInput, match=r"prepared .*pretrain, but the notebook opens .*finetune\. Leave the parameter out"):
        open_stage("runs/s/finetune", {})


@pytest.mark.parametrize("out", ["../outside", "/etc", "runs/../../x"])
def test_out_stays_in_the_workspace(untracked: Path, out: str) -> None:
    with pytest.raises(BadInput, match="points outside"):
        open_stage(out, {})
    with pytest.raises(BadInput, match="workspace itself"):
        open_stage(".", {})


def test_an_input_must_be_finished_and_the_notebook_to_run_is_named(untracked: Path) -> None:
    (untracked / "notebooks/dna").mkdir(parents=True)
    (untracked / "notebooks/dna/2_preprocess.ipynb").touch()
    with pytest.raises(BadInput, match=r"runs/s/preprocess .*it has no run\.json.*Run notebooks/dna/2_preprocess\.ipynb first"):
        open_stage("runs/s/pretrain", {}, ["runs/s/preprocess"])
    record.update(untracked / "runs/s/preprocess", status="FAILED")
    with pytest.raises(BadInput, match=r"status FAILED in its run\.json"):
        open_stage("runs/s/pretrain", {}, ["runs/s/preprocess"])
    assert not (untracked / "runs/s/pretrain").exists()
    finished(untracked, "preprocess", k=6)
    run = open_stage("runs/s/pretrain", {}, ["runs/s/preprocess"])
    run.finish()
    assert [item["folder"] for item in record.read(run.folder)["inputs"]] == ["runs/s/preprocess"]


def test_an_input_whose_process_died_counts_as_killed(untracked: Path) -> None:
    record.update(untracked / "runs/s/preprocess", status="RUNNING", pid=2**22 + 1, started=record.now())
    with pytest.raises(BadInput, match=r"status KILLED in its run\.json"):
        open_stage("runs/s/pretrain", {}, ["runs/s/preprocess"])


def test_tables_and_figures_are_files_and_a_cell_run_twice_replaces(untracked: Path) -> None:
    run = open_stage("runs/s/evaluate", {})
    table = pd.DataFrame({"model": ["a", "b", "c"], "f1": [0.5, 0.25, float("nan")]})
    run.table(table, "scores", "first", headline=True)
    run.table(table.iloc[:2], "scores", "second", headline=True)
    figure = Figure(figsize=(6.4, 2))
    figure.subplots().plot([1, 2, 4])
    run.figure(figure, "curve", "A curve.")
    run.table(pd.DataFrame({"x": [1]}, index=["kept"]), "named")
    assert (run.folder / "tables/named.csv").read_text() == ",x\nkept,1\n"
    run.finish()
    results = record.read(run.folder)["results"]
    assert results["tables"][:1] == [
        {"name": "scores", "file": "tables/scores.csv", "caption": "second", "headline": True, "rows": 2}
    ]
    assert (run.folder / "tables/scores.csv").read_text() == "model,f1\na,0.5\nb,0.25\n"
    assert (run.folder / "figures/curve.svg").read_text().lstrip().startswith("<?xml")
    assert (run.folder / "figures/curve.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(BadInput, match=r"'\.\./x' cannot name"):
        run.table(table, "../x")
    with pytest.raises(BadInput, match="points outside"):
        run.path("../x")


def test_data_is_recorded_by_its_hash(untracked: Path) -> None:
    run = open_stage("runs/s/acquire", {})
    (run.folder / "genome").mkdir(parents=True)
    run.path("genome/a.fasta").write_text(">a\nACGT\n")
    one = run.data("file", run.path("genome/a.fasta"))
    many = run.data("folder", run.path("genome"))
    known = run.data("known", "AB" * 32)
    with pytest.raises(BadInput, match=r"data\('none'\): 'genome/b.fasta' is neither a file or folder below .* nor a hash"):
        run.data("none", "genome/b.fasta")
    run.finish()
    data = record.read(run.folder)["data"]
    assert {name: entry["sha256"] for name, entry in data.items()} == {"file": one, "folder": many, "known": known}
    assert (data["file"]["path"], data["file"]["bytes"], known) == ("runs/s/acquire/genome/a.fasta", 8, "ab" * 32)


def test_log_refuses_what_is_not_a_number_and_is_cheap(untracked: Path) -> None:
    run = open_stage("runs/s/pretrain", {})
    with pytest.raises(BadInput, match=r"log\(step=1, loss='low'\): expected a number, got str"):
        run.log(1, loss="low")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="whole number at or above 0"):
        run.log(-1, loss=1.0)
    with pytest.raises(BadInput, match="every line has its time already"):
        run.log(1, time=3.0)
    start = time.process_time()
    for step in range(1000):
        run.log(step, loss=1.0, learning_rate=1e-3, tokens_per_second=8e4)
    assert (time.process_time() - start) / 1000 < 50e-6 * 4  # four times the aim, for a busy machine
    run.finish()


def test_a_stage_that_goes_on_keeps_its_history_and_one_that_starts_over_sets_it_aside(untracked: Path) -> None:
    first = open_stage("runs/s/pretrain", {"rate": 1.0})
    for step in (1, 2, 3):
        first.log(step, loss=1.0)
    first._journal.close()
    with open(first.folder / "metrics.jsonl", "a") as file:
        file.write('{"step": 4, "ti')  # a kill in mid-write
    again = open_stage("runs/s/pretrain", {"rate": 1.0})
    again.log(3, loss=0.5)
    again.log(4, loss=0.25)
    again.finish()
    assert record.history(again.folder) == {"loss": {1: 1.0, 2: 1.0, 3: 0.5, 4: 0.25}}
    other = open_stage("runs/s/pretrain", {"rate": 2.0})
    other.log(1, loss=9.0)
    other.finish()
    assert record.history(other.folder) == {"loss": {1: 9.0}}
    assert len((other.folder / "metrics.previous.jsonl").read_text().splitlines()) == 6


def test_secrets_are_hidden_by_name_and_by_value(untracked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [
        name for name in ("HF_TOKEN", "hfToken", "ncbi_api_key", "password", "dbPassword", "AWS_SECRET") if not is_secret(name)
    ] == []
    assert [name for name in ("batch_tokens", "tokenizer", "keywords", "tokens_per_second", "steps") if is_secret(name)] == []
    assert redact("https://me:hunter2@example.org/x") == "https://[hidden]@example.org/x"
    monkeypatch.setenv("NCBI_API_KEY", "0123456789abcdef")
    run = open_stage("runs/s/acquire", {"api_key": "s3cret-s3cret", "url": "https://x/?k=0123456789abcdef", "batch_tokens": 8192})
    run.note("Fetched with 0123456789abcdef.")
    run.finish()
    text = (run.folder / "run.json").read_text()
    assert "0123456789abcdef" not in text
    assert "s3cret" not in text
    assert record.read(run.folder)["parameters"] == {"api_key": "[hidden]", "url": "https://x/?k=[hidden]", "batch_tokens": 8192}


def test_two_writers_of_run_json_lose_nothing(untracked: Path) -> None:
    folder = untracked / "runs/s/x"
    record.update(folder, status="RUNNING", kept=1)
    record.update(folder, results={"notes": ["a"]})
    assert record.update(folder, status="FINISHED") == {"status": "FINISHED", "kept": 1, "results": {"notes": ["a"]}}


def test_a_cell_run_twice_opens_the_stage_again(untracked: Path) -> None:
    first = open_stage("runs/s/pretrain", {})
    (first.folder / ".done").touch()
    second = open_stage("runs/s/pretrain", {})
    first.finish()
    assert record.read(second.folder)["status"] == "RUNNING"
    assert not (second.folder / ".done").exists(), "glmkit run would take the old result for this one"
    second.finish()
    assert record.read(second.folder)["status"] == "FINISHED"


def test_a_folder_that_another_process_writes_is_refused(untracked: Path) -> None:
    record.update(untracked / "runs/s/pretrain", status="RUNNING", **record.process() | {"pid": os.getppid()})
    with pytest.raises(BadInput, match=rf"runs/s/pretrain is being written by pid {os.getppid()} on .*Wait for it"):
        open_stage("runs/s/pretrain", {})
