"""Resources, profiles and what a cluster's log says, without a cluster.

Covers ``glmkit.studies.run.dry_run``.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from glmkit.errors import BadInput, ResourceError
from glmkit.studies.files import record, run_folder
from glmkit.studies.run import cluster_jobs, executors
from glmkit.studies.run.snakefile import command, render
from glmkit.studies.study.plan import Plan, make_plan
from glmkit.studies.study.resources import for_snakemake, megabytes
from glmkit.studies.study.study_file import load_study
from tests.faults.notebooks import toy
from tests.slurm import standin

NEEDS = "    resources: {gpu: 2, cores: 3, memory: 16G, minutes: 120, partition: long}\n    minutes: 90\n"


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setenv("GLMKIT_WORKSPACE", str(tmp_path))
    return make_plan(load_study(toy(tmp_path, extra=NEEDS)))


def profile(executor: str, **settings: Any) -> executors.Profile:
    return executors.Profile(name=executor, executor=executor, folder=executors.SHIPPED / executor, settings=settings)


@pytest.mark.parametrize(("size", "wanted"), [("900M", 900), ("16G", 16_000), ("1.5T", 1_500_000), ("2 GB", 2_000)])
def test_sizes(size: str, wanted: int) -> None:
    assert megabytes(size) == wanted


def test_resources_in_the_words_of_the_executors(plan: Plan) -> None:
    first = plan.stage("first")
    wanted = {"gpu": 2, "mem_mb": 16_000, "runtime": 120, "slurm_partition": "long"}
    assert for_snakemake(first.resources, first.minutes) == wanted
    assert for_snakemake({"nodes": 3}) == {"nodes": 3, "tasks": 3}
    assert for_snakemake({"nodes": 3, "gpu": 6}) == {"nodes": 3, "gpu": 6}
    assert for_snakemake({}, 90.5)["runtime"] == 101  # the stage's own limit, rounded up, and ten minutes


def test_a_stage_has_its_own_cores_and_a_job_a_few_where_it_does_not_say(plan: Plan) -> None:
    assert [line.strip() for line in render(plan).splitlines() if "threads:" in line] == ["threads: 3", "threads: workflow.cores"]
    remote = render(plan, profile("slurm"))
    assert [line.strip() for line in remote.splitlines() if "threads:" in line] == ["threads: 3", "threads: 4"]
    assert "resources: gpu=2, mem_mb=16000, runtime=120, slurm_partition='long'" in remote
    assert f"exec {sys.executable} -P -m glmkit.studies.run.job . first" in remote
    inside = render(plan, profile("kubernetes"))
    assert f"'python -P -m glmkit.studies.run.job {plan.folder} first && cp {plan.folder}/first/.done {{output:q}}'" in inside


def test_command_of_a_cluster(plan: Plan) -> None:
    words = command(plan, None, profile=profile("slurm"))
    assert words[words.index("--profile") + 1] == str(executors.SHIPPED / "slurm")
    assert not {"--cores", "--jobs", "--resources"} & set(words)
    words = command(plan, 7, profile=profile("kubernetes"))
    assert words[words.index("--jobs") + 1] == "7"
    assert words[words.index("--kubernetes-persistent-volumes") + 1] == f"glmkit:{plan.root}"
    named = profile("kubernetes", **{"kubernetes-persistent-volumes": ["claim:/data"]})
    assert "--kubernetes-persistent-volumes" not in command(plan, 7, profile=named)


def test_profiles_are_found_and_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLMKIT_WORKSPACE", str(tmp_path))
    monkeypatch.setattr(executors.importlib.util, "find_spec", lambda name: None)
    assert executors.load_profile().executor == "local"
    with pytest.raises(BadInput, match=r"--profile slrum: expected one of kubernetes, local, slurm, .* Did you mean 'slurm'"):
        executors.load_profile("slrum")
    with pytest.raises(BadInput, match=r"executor for slurm, which is not installed: run 'pip install \"glmkit\[cluster\]\"'"):
        executors.load_profile("slurm")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/config.yaml").write_text("executor: pbs\n")
    with pytest.raises(BadInput, match="executor is 'pbs', expected one of local, slurm, kubernetes"):
        executors.load_profile("mine")
    (tmp_path / "mine/config.yaml").write_text("executor: local\n")
    assert executors.load_profile("mine").folder == tmp_path / "mine"


def test_slurms_logs_lie_where_they_are_looked_for() -> None:
    settings = yaml.safe_load((executors.SHIPPED / "slurm/config.yaml").read_text())
    assert settings["slurm-logdir"] == run_folder.CLUSTER_LOGS


def test_a_folder_that_a_jobs_shell_would_change_is_refused() -> None:
    with pytest.raises(BadInput, match=r"the folder /data/\$HOME has '\$' in its name, .* Rename it"):
        cluster_jobs.require(profile("slurm"), Path("/data/$HOME"))


def test_without_slurms_programs_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match=r"sbatch, squeue, scancel not found\. Call glmkit run where jobs are submitted"):
        cluster_jobs.require(profile("slurm"), tmp_path)
    cluster_jobs.require(profile("local"), tmp_path / "$HOME")


LOG = """\
Job 1 has been submitted with SLURM jobid 41 (log: /x/41.log).
[Mon Nov  2 10:00:00 2026]
Error in rule stage_first:
    message: SLURM-job '41' failed, SLURM status is: 'OUT_OF_MEMORY'. Reason: Unknown. For further error details see the log.
    jobid: 1
    external_jobid: 41

Error in rule stage_second:
    message: SLURM sbatch failed. The error message was 'sbatch: error: invalid partition specified: nowhere'.
    sbatch call:
        sbatch --parsable -p nowhere

    jobid: 2
    output: second/.done
"""


def test_what_the_cluster_did_is_written_into_the_stages_records(plan: Plan) -> None:
    log = plan.folder / run_folder.SNAKEMAKE_LOG
    log.parent.mkdir(parents=True)
    log.write_text(LOG)
    for name in ("first", "second"):
        (plan.folder / name).mkdir()
    cluster_jobs.record_failures(plan, "2026-11-02T10:00:00")
    first, second = record.read(plan.folder / "first"), record.read(plan.folder / "second")
    assert (first["status"], first["exit_code"]) == ("FAILED", ResourceError.exit_code)
    assert first["error"] == "Job 41 ended as OUT_OF_MEMORY before the stage started. Raise resources.memory of the stage."
    assert second["error"] == "The job was not accepted: sbatch: error: invalid partition specified: nowhere"


def test_what_a_stage_has_said_itself_stands(plan: Plan) -> None:
    log = plan.folder / run_folder.SNAKEMAKE_LOG
    log.parent.mkdir(parents=True)
    log.write_text(LOG.replace("OUT_OF_MEMORY", "FAILED"))
    (plan.folder / "second").mkdir()
    record.update(plan.folder / "first", status="FAILED", error="BadInput: line 3", started="2026-11-02T10:00:30")
    cluster_jobs.record_failures(plan, "2026-11-02T10:00:00")
    assert record.read(plan.folder / "first")["error"] == "BadInput: line 3"


def test_jobs_that_the_last_run_left_are_cancelled_and_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    queue, run = tmp_path / "queue", tmp_path / "runs/toy"
    queue.mkdir()
    monkeypatch.setenv("FAKE_SLURM", str(queue))
    monkeypatch.setenv("PATH", f"{standin.install(tmp_path / 'bin')}{os.pathsep}{os.environ['PATH']}")
    (run / ".workflow").mkdir(parents=True)
    words = ["sbatch", "--parsable", "--job-name", "x", "--output", "%j.log", "-D", str(tmp_path), "/dev/stdin"]
    number = subprocess.run(words, input="exec sleep 300\n", text=True, capture_output=True, check=True).stdout.strip()
    about = queue / number / "job.json"
    deadline = time.monotonic() + 20
    while json.loads(about.read_text())["state"] != "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (run / run_folder.SNAKEMAKE_LOG).write_text(f"Job 1 has been submitted with SLURM jobid {number} (log: x).\n")
    record.update(run / "first", status="RUNNING", host="node7", job=number)
    assert cluster_jobs.settle_jobs(run) == 1
    assert json.loads(about.read_text())["state"] == "CANCELLED"
    assert record.read(run / "first")["status"] == "KILLED"
    assert "Cancelled 1 job(s) that the last run had left in the queue." in capsys.readouterr().err
    assert cluster_jobs.settle_jobs(run) == 0
