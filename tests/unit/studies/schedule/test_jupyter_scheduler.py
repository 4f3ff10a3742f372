"""Jobs of JupyterLab's scheduler on glmkit's engine: typed parameters, and a sentence where one is wrong."""

import importlib
import os
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.faults.notebooks import FIRST, notebook


def test_without_the_extension_the_module_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jupyter_scheduler", None)
    monkeypatch.delitem(sys.modules, "glmkit.studies.schedule.jupyter_scheduler", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"needs jupyter-scheduler .*: pip install 'glmkit\[scheduler\]'"):
        importlib.import_module("glmkit.studies.schedule.jupyter_scheduler")


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that runs a job with the parameters given and returns its record and its output notebook."""
    pytest.importorskip("jupyter_scheduler", reason="needs the extra scheduler (pip install 'glmkit[scheduler]')")
    from jupyter_scheduler.orm import Job, create_session, create_tables

    from glmkit.studies.schedule.jupyter_scheduler import GlmkitExecutionManager

    home = tmp_path / "l'été {a}"
    path = notebook(
        home / "notebooks/first.ipynb",
        FIRST,
        "from glmkit.files import workspace",
        "print(repr(steps), repr(rate), repr(device), workspace())\n1 / (steps - 7)",
    )
    content = nbformat.read(path, as_version=4)
    content.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    (home / "glmkit.toml").touch()
    address = f"sqlite:///{tmp_path}/jobs.sqlite"
    create_tables(address)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GLMKIT_WORKSPACE", "put back at the end")
    monkeypatch.delenv("GLMKIT_WORKSPACE")

    def run(name: str, **parameters: Any) -> tuple[Any, Path]:
        staging = tmp_path / name
        staging.mkdir()
        nbformat.write(content, staging / "first.ipynb")
        paths = {"input": str(staging / "first.ipynb"), "ipynb": str(staging / "out.ipynb")}
        with create_session(address)() as session:
            row = Job(
                name=name,
                input_filename="first.ipynb",
                runtime_environment_name="",
                parameters=parameters,
                output_formats=["ipynb"],
                create_time=0,
                update_time=0,
                idempotency_token="",
                url="",
            )
            session.add(row)
            session.commit()
            number = row.job_id
        GlmkitExecutionManager(number, str(home / "notebooks"), address, paths).process()
        os.environ.pop("GLMKIT_WORKSPACE", None)
        with create_session(address)() as session:
            return session.query(Job).filter(Job.job_id == number).one(), Path(paths["ipynb"])

    return run


def said(path: Path) -> str:
    return "".join(
        output.get("text", "") for cell in nbformat.read(path, as_version=4).cells for output in cell.get("outputs", [])
    )


def test_texts_of_the_form_become_the_types_of_the_signature(job: Any, tmp_path: Path) -> None:
    done, out = job("good", steps="12", rate="1e-2", device="cpu")
    assert (done.status, done.status_message) == ("COMPLETED", None)
    assert said(out) == f"12 0.01 'cpu' {tmp_path}/l'été {{a}}\n"


def test_what_is_wrong_fails_the_job_with_words(job: Any) -> None:
    done, out = job("wrong", steps="many", rat="0.1")
    assert done.status == "FAILED"
    assert "rat is unknown to first.ipynb. Did you mean 'rate'?" in done.status_message
    assert "steps" in done.status_message
    assert not out.exists()  # nothing ran
    done, out = job("broken", steps="7")
    assert done.status == "FAILED"
    assert "ZeroDivisionError" in done.status_message
    assert said(out).startswith("7 0.5")  # what the notebook came to is kept
