"""Faults of a run: F5, F6, F7, F8, F10, F11, F14, F32. One small study is run once; each test breaks a copy of that run.

Covers ``glmkit.studies.notebook.client``, ``glmkit.studies.notebook.engine``, ``glmkit.studies.notebook.output_cap``.
"""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from glmkit.studies.kernels import processes
from tests.faults.notebooks import FIRST, notebook, toy

MODE = """\
from typing import Literal
out: str = "runs/toy/second"  # folder this stage writes
first: str = "runs/toy/first"  # folder of the stage before
mode: Literal["fine", "refuse", "sleep", "checkpoint", "hold"] = "fine"  # what goes wrong
"""
CELLS = (
    "from pathlib import Path\nimport collections, itertools, os, subprocess, time\nfrom glmkit.errors import BadInput\n"
    "from glmkit.files import workspace\nfrom glmkit.studies.notebook.stage import open_stage\nrun = open_stage(out)\nrun.log(1, loss=0.5)",
    "if mode == 'hold':\n    child = subprocess.Popen(['sleep', '300'], start_new_session=True)\n"
    "(workspace() / 'kernel.txt').write_text(str(os.getpid()))",
    "if mode == 'refuse':\n    raise BadInput('line 3: the letter Q is no base.')\n"
    "if mode == 'sleep':\n    time.sleep(300)\n"
    "if mode == 'hold':\n    collections.deque(itertools.repeat(0), maxlen=0)  # keeps the GIL for ever\n"
    "if mode == 'checkpoint':\n    try:\n        time.sleep(300)\n"
    "    except KeyboardInterrupt:\n        run.path('checkpoint').write_text('whole')\n        raise",
    "run.finish()",
)


ODD = "l'été $(touch x) {a}"  # every test of a run also shows that such a path is fine


class Workspace:
    """A workspace with the toy study, and ways to run it and to look at what came of it."""

    def __init__(self, root: Path) -> None:
        self.root, self.study = root, root / "notebooks" / "studies" / "toy.yaml"
        self.run_folder, self.second = root / "runs" / "toy", root / "runs" / "toy" / "second"

    def start(self, *words: str, **options: Any) -> "subprocess.Popen[str]":
        (self.root / "kernel.txt").unlink(missing_ok=True)
        environment = {**os.environ, "GLMKIT_WORKSPACE": str(self.root)}
        words = (sys.executable, "-m", "glmkit.cli", "run", str(self.study), *words)
        return subprocess.Popen(
            words, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **options
        )

    def run(self, *words: str) -> tuple[int, str, str]:
        process = self.start(*words)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def kernel(self, process: "subprocess.Popen[str]") -> int:
        """The kernel's pid, once the run has come to the cell that goes wrong."""
        mark = self.root / "kernel.txt"
        deadline = time.monotonic() + 90
        while not (mark.exists() and mark.read_text()):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.5)
        return int(mark.read_text())

    def record(self, folder: Path) -> dict[str, Any]:
        return dict(json.loads((folder / "run.json").read_text()))

    def statuses(self) -> list[str]:
        """Of the second stage's last cells, as the executed notebook has them."""
        cells = json.loads((self.second / "notebook.ipynb").read_text())["cells"]
        marks = [cell["metadata"].get("papermill", {}).get("status") for cell in cells if cell["cell_type"] == "code"]
        return marks[-3:]

    def mlflow(self) -> list[tuple[str, str]]:
        """Name and status of every MLflow run, in order."""
        with sqlite3.connect(self.root / "runs" / "mlflow.db") as database:
            return list(database.execute("select name, status from runs order by start_time"))

    def left(self) -> list[psutil.Process]:
        """What still lives of the run's stages."""
        return [process for stage in ("first", "second") for process in processes.marked(self.run_folder / stage)]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("original") / ODD
    toy(root)
    notebook(root / "notebooks" / "first.ipynb", FIRST, "import sys", "print(sys.executable)")
    notebook(root / "notebooks" / "second.ipynb", MODE, *CELLS)
    workspace = Workspace(root)
    code, out, err = workspace.run()
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()[:4]] == ["first", "first", "second", "second"]
    return workspace


@pytest.fixture
def finished(original: Workspace, tmp_path: Path) -> Iterator[Workspace]:
    """A workspace in which both stages are done."""
    shutil.copytree(original.root, tmp_path / ODD)
    workspace = Workspace(tmp_path / ODD)
    yield workspace
    processes.kill_all(workspace.left())


def test_a_run_is_whole_and_true(original: Workspace) -> None:
    assert original.mlflow() == [("toy", "FINISHED"), ("first", "FINISHED"), ("second", "FINISHED")]
    assert [original.record(original.run_folder / name)["status"] for name in ("", "first", "second")] == ["FINISHED"] * 3
    assert original.record(original.run_folder)["complete"] is True
    assert (original.run_folder / "report.html").exists()
    assert sys.executable in (original.run_folder / "first" / "notebook.ipynb").read_text()
    assert original.left() == []


def test_the_same_command_again_has_nothing_to_do(finished: Workspace) -> None:
    before = (finished.run_folder / "run.json").read_bytes()
    began = time.monotonic()
    assert finished.run() == (0, "toy: nothing to be done.\n", "")
    assert time.monotonic() - began < 10
    assert (finished.run_folder / "run.json").read_bytes() == before
    assert len(finished.mlflow()) == 3


def test_F14_lock_left_by_a_dead_pid_is_taken_over(finished: Workspace) -> None:
    (finished.run_folder / ".lock").write_text("pid 3999999 on here\n")
    code, out, err = finished.run()
    assert (code, out) == (0, "toy: nothing to be done.\n")
    assert err == f"Took over {finished.run_folder}, which was left locked by pid 3999999 on here; that process has ended.\n"


def test_only_what_changed_runs_and_a_refusal_is_one_sentence(finished: Workspace) -> None:
    code, out, err = finished.run("--set", "second.mode=refuse")
    assert code == 2
    assert out.splitlines()[0] == "second …"
    assert out.splitlines()[1].startswith("second … FAILED after ")
    assert err.splitlines()[0] == "glmkit: second (cell 4): BadInput: line 3: the letter Q is no base."
    assert "Traceback" not in err
    assert "Traceback" in (finished.second / "log.txt").read_text()
    assert finished.statuses() == ["completed", "failed", "pending"]
    assert finished.record(finished.second)["status"] == "FAILED"
    assert finished.mlflow()[3:] == [("toy", "FAILED"), ("second", "FAILED")]
    assert not (finished.second / ".done").exists()


def test_F5_kernel_killed_in_mid_cell(finished: Workspace) -> None:
    process = finished.start("--set", "second.mode=sleep")
    pid = finished.kernel(process)
    began = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    while finished.record(finished.second)["status"] == "RUNNING":
        time.sleep(0.05)
    assert time.monotonic() - began < 10
    _, err = process.communicate(timeout=30)
    assert process.returncode == 5
    assert "second (cell 4): ResourceError: The kernel died in cell 4: killed by signal 9." in err
    assert finished.statuses() == ["completed", "failed", "pending"]
    assert finished.record(finished.second)["status"] == "FAILED"
    assert finished.mlflow()[3:] == [("toy", "FAILED"), ("second", "FAILED")]
    assert finished.left() == []


def test_F6_SIGTERM_while_the_kernel_has_a_child_and_holds_the_GIL(finished: Workspace) -> None:
    process = finished.start("--set", "second.mode=hold")
    finished.kernel(process)
    family = [*finished.left(), *psutil.Process(process.pid).children(recursive=True)]
    assert len(family) >= 4
    process.terminate()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert [each for each in alive if each.status() != psutil.STATUS_ZOMBIE] == []
    _, err = process.communicate(timeout=30)
    assert process.returncode == 143
    assert "glmkit: Stopped by SIGTERM. The same command resumes the run." in err
    assert finished.record(finished.second)["status"] == "KILLED"
    assert finished.mlflow()[3:] == [("toy", "KILLED"), ("second", "KILLED")]


def test_F11_F7_a_second_run_is_refused_and_Ctrl_C_leaves_a_checkpoint(finished: Workspace) -> None:
    process = finished.start("--set", "second.mode=checkpoint")
    finished.kernel(process)
    code, _, refused = Workspace(finished.root).run()
    assert code == 2
    assert refused.startswith(f"glmkit: {finished.run_folder} is in use by pid {process.pid} on ")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole foreground group
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Stopped by Ctrl-C. The same command resumes the run." in err
    assert (finished.second / "checkpoint").read_text() == "whole"
    assert finished.statuses() == ["completed", "failed", "pending"]
    assert finished.record(finished.second)["status"] == "KILLED"
    assert finished.mlflow()[3:] == [("toy", "KILLED"), ("second", "KILLED")]


def test_F7_the_second_Ctrl_C_is_immediate(finished: Workspace) -> None:
    process = finished.start("--set", "second.mode=hold")
    finished.kernel(process)
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(1.5)
    assert finished.left() == []
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert finished.record(finished.second)["status"] == "KILLED"
    assert finished.mlflow()[3:] == [("toy", "KILLED"), ("second", "KILLED")]


def test_F8_SIGKILL_of_the_run_is_cleared_up_by_the_next_which_resumes(finished: Workspace) -> None:
    process = finished.start("--set", "second.mode=hold")
    finished.kernel(process)
    for each in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
        with contextlib.suppress(psutil.NoSuchProcess):  # one may have ended with another
            if any("glmkit" in word or "snakemake" in word for word in each.cmdline()):
                each.kill()
    process.communicate(timeout=30)
    orphans = finished.left()  # the kernel dies with its job; what it started in a session of its own does not
    assert [each.name() for each in orphans if each.is_running() and each.name() == "sleep"] == ["sleep"]
    assert finished.record(finished.second)["status"] == "RUNNING"
    code, out, err = finished.run()
    assert code == 0
    assert "second: its last run was killed; ended 1 process(es) that it left." in err
    assert [line.split()[0] for line in out.splitlines()[:2]] == ["second", "second"]
    assert finished.left() == []
    assert finished.mlflow()[3:] == [("toy", "FINISHED"), ("second", "KILLED"), ("second", "FINISHED")]


def test_F10_read_only_run_folder_is_refused_at_the_start() -> None:
    with tempfile.TemporaryDirectory() as name:  # not pytest's, which only its owner may enter
        workspace = Workspace(Path(name))
        toy(workspace.root)
        workspace.run_folder.mkdir(parents=True)
        for path in (workspace.root, *workspace.root.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        nobody: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        try:
            subprocess.run([sys.executable, "-c", ""], check=True, **nobody)
        except PermissionError:
            pytest.skip("root may write everywhere, and this interpreter lies where no other user may go")
        process = workspace.start(**nobody)
        _, err = process.communicate(timeout=30)
        for path in (workspace.root, *workspace.root.rglob("*")):
            path.chmod(0o755)
    assert process.returncode == 5
    assert err.startswith(f"glmkit: {workspace.run_folder}")
    assert "cannot be written" in err


def test_F32_a_flood_of_output_is_capped_in_the_notebook_and_whole_in_the_log(tmp_path: Path) -> None:
    import papermill

    source = "for i in range(10):\n    print(str(i) * 1_000_000, flush=True)\nprint('the end')"
    path = notebook(tmp_path / "in.ipynb", "steps: int = 1", source, "3")
    options = {"engine_name": "glmkit", "kernel_name": "python3", "language": "python", "progress_bar": False}
    papermill.execute_notebook(
        str(path), str(tmp_path / "out.ipynb"), {"steps": 2}, log_path=str(tmp_path / "log.txt"), **options
    )
    assert (tmp_path / "out.ipynb").stat().st_size < 2_000_000
    cells = json.loads((tmp_path / "out.ipynb").read_text())["cells"]
    text = "".join("".join(out["text"]) for out in cells[2]["outputs"])
    assert text.startswith("0" * 1000)
    assert text.endswith("the end\n")
    assert "characters left out here; the whole text is in log.txt]" in text
    assert len((tmp_path / "log.txt").read_text()) == 10_000_000 + 10 + 8


def test_a_time_limit_ends_a_cell_that_holds_the_GIL(tmp_path: Path) -> None:
    import papermill

    from glmkit.errors import ResourceError

    path = notebook(
        tmp_path / "in.ipynb",
        "a: int = 1",
        "import collections, itertools",
        "collections.deque(itertools.repeat(0), maxlen=0)",
        "3",
    )
    options = {"engine_name": "glmkit", "kernel_name": "python3", "language": "python", "progress_bar": False}
    began = time.monotonic()
    with pytest.raises(ResourceError, match=r"Cell 3 was stopped by the study's time limit \(cell_minutes\)"):
        papermill.execute_notebook(str(path), str(tmp_path / "out.ipynb"), execution_timeout=1, **options)
    assert time.monotonic() - began < 20
    cells = json.loads((tmp_path / "out.ipynb").read_text())["cells"]
    assert [cell["metadata"]["papermill"]["status"] for cell in cells] == ["completed", "completed", "failed", "pending"]
