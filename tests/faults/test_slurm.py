"""A study's stages as jobs of Slurm: Snakemake's own Slurm executor, and a stand-in for Slurm's programs that runs jobs here.

One run shows all of it: a stage that goes well, one that fails in its notebook, one that the cluster ends before it begins, one
that is never accepted, and what `glmkit status` and the end of `glmkit run` say of each.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from glmkit.studies.files import record, run_folder
from glmkit.studies.run import executors
from tests.faults.notebooks import notebook
from tests.slurm import standin

pytestmark = pytest.mark.slow
PARAMETERS = 'out: str = "runs/many/{name}"  # folder this stage writes\n'
STUDY = """\
name: many
stages:
  fine:
    notebook: fine.ipynb
    resources: {cores: 1, memory: 1G, minutes: 5}
  wrong: {notebook: wrong.ipynb}
  greedy: {notebook: greedy.ipynb}
  refused:
    notebook: refused.ipynb
    resources: {partition: nowhere}
"""
QUICK = {"seconds-between-status-checks: 20": "seconds-between-status-checks: 1", "checks: 20": "checks: 1"}


def run(root: Path, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "GLMKIT_WORKSPACE": str(root), **variables}
    command = [sys.executable, "-m", "glmkit.cli", *words]
    return subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, timeout=280)


def workspace(root: Path) -> Path:
    """Four stages, of which one is sound."""
    cells = {"fine": "1", "wrong": "from glmkit.errors import BadInput\nraise BadInput('line 3: the letter Q is no base.')"}
    for name in ("fine", "wrong", "greedy", "refused"):
        notebook(root / f"notebooks/{name}.ipynb", PARAMETERS.format(name=name), cells.get(name, "1"))
    (root / "glmkit.toml").touch()
    (root / "notebooks/studies").mkdir()
    (root / "notebooks/studies/many.yaml").write_text(STUDY)
    return root


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> "tuple[Path, subprocess.CompletedProcess[str]]":
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("needs snakemake-executor-plugin-slurm")
    root = workspace(tmp_path_factory.mktemp("slurm") / "it's {here}")
    queue = root.parent / "queue"
    queue.mkdir()
    (queue / "doom.json").write_text(json.dumps({"rule_stage_greedy": "OUT_OF_MEMORY"}))
    text = (executors.SHIPPED / "slurm/config.yaml").read_text()
    for slow, quick in QUICK.items():
        assert slow in text
        text = text.replace(slow, quick)
    (root / "quick").mkdir()
    (root / "quick/config.yaml").write_text(text)
    path = f"{standin.install(root.parent / 'bin')}{os.pathsep}{os.environ['PATH']}"
    return root, run(root, "run", "many", "--profile", "quick", PATH=path, FAKE_SLURM=str(queue))


def test_stages_are_jobs_with_what_they_ask_for(ended: "tuple[Path, subprocess.CompletedProcess[str]]") -> None:
    root, _ = ended
    jobs = {
        about["comment"]: about for path in (root.parent / "queue").glob("*/job.json") for about in [json.loads(path.read_text())]
    }
    assert {name: about["state"] for name, about in jobs.items()} == {
        "rule_stage_fine": "COMPLETED",
        "rule_stage_wrong": "FAILED",
        "rule_stage_greedy": "OUT_OF_MEMORY",
    }
    words = jobs["rule_stage_fine"]["words"]
    assert [words[words.index(name) + 1] for name in ("-t", "--mem", "-p")] == ["5", "1000", "short"]
    assert "--cpus-per-task=1" in words
    found = record.read(root / "runs/many/fine")
    assert (found["status"], (root / f"runs/many/{run_folder.CLUSTER_LOGS}/rule_stage_fine/{found['job']}.log").exists()) == (
        "FINISHED",
        True,
    )


def test_the_end_of_the_run_and_status_say_what_went_wrong(ended: "tuple[Path, subprocess.CompletedProcess[str]]") -> None:
    root, done = ended
    assert done.returncode in (2, 5)
    told = run(root, "status", "many").stdout
    for said in (done.stderr, told):
        assert "BadInput: line 3: the letter Q is no base." in said
        assert "ended as OUT_OF_MEMORY before the stage started. Raise resources.memory of the stage." in said
        assert "The job was not accepted: sbatch: error: invalid partition specified: nowhere" in said
    assert [line.split()[:2] for line in told.splitlines()[2:6]] == [
        ["fine", "FINISHED"],
        ["wrong", "FAILED"],
        ["greedy", "FAILED"],
        ["refused", "FAILED"],
    ]


def test_kubernetes_by_a_dry_run(tmp_path: Path) -> None:
    for name in ("snakemake_executor_plugin_kubernetes", "snakemake_storage_plugin_fs"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"needs {name.replace('_', '-')}")
    root = workspace(tmp_path / "w")
    (root / "notebooks/studies/many.yaml").write_text(STUDY.replace("memory: 1G", "memory: 1G, gpu: 2"))
    done = run(root, "run", "many", "--profile", "kubernetes", "--dry-run")
    assert done.stdout.splitlines()[:2] == [
        "many: 4 of 4 stages would run (kubernetes)",
        "fine  cores=1, mem_mb=1000, gpu=2, runtime=5",
    ], done.stderr
    assert not list((root / "runs/many").glob(f"*/{record.RECORD}"))
