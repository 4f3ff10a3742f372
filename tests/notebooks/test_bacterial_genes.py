"""The main study, end to end and headless, on a small part of the real genomes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from tests.small_study import STUDY, glmkit, make_workspace

SMALL = {
    "preprocess": {"block": 5000, "gap": 200},
    "pretrain": {"steps": 12, "width": 32, "layers": 2, "heads": 4, "validate_every": 6, "checkpoint_every": 6, "remembered": 4},
    "finetune": {"frame_steps": 10, "epochs": 1, "seeds": [0, 1]},
    "evaluate": {"lstm_epochs": 1, "markov_orders": [0, 3], "bits_windows": 12, "bits_length": 64, "draws": 100},
    "interpret": {"n_windows": 10, "before": 14, "after": 4, "shuffled": 1},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, small_sources: dict[str, list[str]]) -> Path:
    """A workspace with the notebooks and a small study, run once."""
    folder = make_workspace(tmp_path_factory.mktemp("a workspace") / "with blänks", SMALL | {"acquire": small_sources})
    done = glmkit(folder, "run", STUDY, "--name", "small", "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_stage_says_that_it_finished(project: Path) -> None:
    stages = ["acquire", "preprocess", "pretrain", "finetune", "evaluate", "interpret"]
    records = {stage: json.loads((project / "runs/small" / stage / "run.json").read_text()) for stage in stages}
    assert {stage: record["status"] for stage, record in records.items()} == dict.fromkeys(stages, "FINISHED")
    for stage in stages:
        cells = nbformat.read(project / "runs/small" / stage / "notebook.ipynb", 4).cells
        assert all(cell.execution_count for cell in cells if cell.cell_type == "code"), stage


def test_the_result_includes_baselines_and_intervals(project: Path) -> None:
    table = pd.read_csv(project / "runs/small/evaluate/tables/starts.csv")
    held = table[table.split == "held-out contigs"].set_index("method")
    expected = {
        "pretrained, fine-tuned",
        "same network from scratch",
        "position weights",
        "4-mer forest",
        "4-mer SVM",
        "LSTM",
        "majority",
    }
    assert expected <= set(held.index)
    drawn = held.drop(index="majority")
    assert (drawn.auroc_low < drawn.auroc).all()
    assert (drawn.auroc < drawn.auroc_high).all()
    assert held.auroc["position weights"] > 0.75
    assert held.auroc["majority"] == 0.5


def test_nothing_that_was_held_out_was_trained_on(project: Path) -> None:
    split = pd.read_csv(project / "runs/small/preprocess/split.csv")
    windows = pd.read_csv(project / "runs/small/preprocess/starts.tsv.gz", sep="\t")
    windows = windows.rename(columns=lambda name: name.removesuffix(":str"))
    part = split.set_index("reference").part
    annotated = part[part.index.isin(windows.group)]
    assert not annotated.index.duplicated().any()
    assert (windows.part == windows.group.map(annotated)).all()
    assert {"train", "validation", "test"} == set(windows.part)


def test_mlflow_has_one_parent_and_six_children(project: Path) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{project}/runs/mlflow.db")
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert len(parents) == 1
    assert len(children) == 6
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parents[0].info.run_id}
    (pretrain,) = [run for run in children if run.info.run_name.endswith("pretrain")]
    assert [m.step for m in client.get_metric_history(pretrain.info.run_id, "validation_loss")] == [6, 12]


def test_each_stage_lists_what_it_made(project: Path) -> None:
    made = {
        stage: [entry["role"] for entry in json.loads((project / f"runs/small/{stage}/made.json").read_text())["made"]]
        for stage in ("acquire", "preprocess", "pretrain", "finetune")
    }
    assert made["acquire"] == ["genome"] * 3 + ["predicted_genes"]
    assert made["preprocess"] == ["split", *["windows"] * 4, "corpus", "held_out", "frames"]
    assert made["pretrain"] == ["model"]
    assert made["finetune"] == ["model"] * 8  # two networks, two seeds, two tasks


def test_a_second_run_has_nothing_to_do(project: Path) -> None:
    again = glmkit(project, "run", STUDY, "--name", "small")
    assert again.returncode == 0
    assert "nothing to be done" in again.stdout + again.stderr


def test_a_changed_parameter_runs_only_what_follows(project: Path) -> None:
    before = {path.parent.name: path.stat().st_mtime_ns for path in (project / "runs/small").glob("*/.done")}
    changed = glmkit(project, "run", STUDY, "--name", "small", "--set", "interpret.n_windows=11")
    assert changed.returncode == 0, changed.stderr
    after = {path.parent.name: path.stat().st_mtime_ns for path in (project / "runs/small").glob("*/.done")}
    assert {stage for stage in before if before[stage] != after[stage]} == {"interpret"}


def test_the_report_is_one_file_with_the_headline_and_the_figures(project: Path) -> None:
    html = (project / "runs/small/report.html").read_text()
    assert "position weights" in html
    assert html.count("<svg") + html.count("data:image") >= 6
    assert 'src="http' not in html
    assert "<script" not in html


def test_plain_papermill_runs_a_notebook_too(project: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "papermill", "notebooks/dna/6_interpret.ipynb", str(tmp_path / "out.ipynb")]
    command += [
        "-p",
        "out",
        "runs/alone/interpret",
        "-p",
        "preprocess",
        "runs/small/preprocess",
        "-p",
        "finetune",
        "runs/small/finetune",
    ]
    command += ["-p", "n_windows", "10", "-p", "before", "14", "-p", "after", "4"]
    environment = {**os.environ, "GLMKIT_WORKSPACE": str(project)}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
    record = json.loads((project / "runs/alone/interpret/run.json").read_text())
    assert record["status"] == "FINISHED"
