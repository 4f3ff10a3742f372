"""Bad inputs, the rows "Parameters" and the notebook rows of "Checkpoints, notebooks": exit 2, one clear sentence, nothing written."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from glmkit import cli
from glmkit.studies.kernels import devices
from tests.faults.notebooks import FIRST, cell, notebook, toy

Refused = Callable[..., str]


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GLMKIT_WORKSPACE", str(tmp_path))
    return toy(tmp_path)


@pytest.fixture
def refused(study: Path, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Runs ``glmkit run`` on the study, expects exit 2 with nothing written, and returns what was said."""

    def run(*words: str) -> str:
        root = study.parents[2]
        before = sorted(root.rglob("*"))
        assert cli.main(["run", str(study), *words]) == 2
        assert sorted(root.rglob("*")) == before
        said = capsys.readouterr().err
        assert "Traceback" not in said
        return said

    return run


def with_(study: Path, values: str) -> None:
    study.write_text(study.read_text().replace("first.ipynb\n", f"first.ipynb\n    with: {values}\n"))


def test_unknown_name_did_you_mean(refused: Refused) -> None:
    assert refused("--set", "first.stepz=3") == "glmkit: first.stepz is unknown to first.ipynb. Did you mean 'steps'?\n"


def test_unknown_stage_did_you_mean(refused: Refused) -> None:
    assert "'frist' is no stage of toy. Did you mean 'first'?" in refused("--set", "frist.steps=3")
    assert "'frist' is no stage of toy. Did you mean 'first'?" in refused("--until", "frist")


def test_wrong_type(refused: Refused, study: Path) -> None:
    assert refused("--set", "first.steps=abc") == "glmkit: first.steps expects int in [1, 1000], got 'abc' (str).\n"
    with_(study, "{steps: '3'}")
    assert "first.steps expects int in [1, 1000], got '3' (str)" in refused()


def test_NaN(refused: Refused, study: Path) -> None:
    assert "first.rate expects float in (0, 1], got nan, which is not a finite number" in refused("--set", "first.rate=nan")
    with_(study, "{rate: .nan}")
    assert "got nan" in refused()


def test_negative(refused: Refused) -> None:
    assert "first.steps expects int in [1, 1000], got -3." in refused("--set", "first.steps=-3")


def test_out_of_range(refused: Refused) -> None:
    assert "first.rate expects float in (0, 1], got 1.5." in refused("--set", "first.rate=1.5")


def test_negative_seed_and_batch_0(refused: Refused) -> None:
    said = refused("--set", "first.seed=-1", "--set", "first.batch=0")
    assert "first.seed expects int in [0, 4294967295], got -1." in said
    assert "first.batch expects int in [1, inf), got 0." in said


@pytest.mark.parametrize("name", ["../up", "/tmp/absolute", "a/b", "..", ".hidden", "", " ", "a" * 101, "line\nbreak"])
def test_run_name_that_is_no_folder_name(refused: Refused, name: str) -> None:
    assert f"The run's name is {name!r}, expected a plain folder name below runs/" in refused("--name", name)


def test_study_name_that_is_no_folder_name(refused: Refused, study: Path) -> None:
    study.write_text(study.read_text().replace("name: toy", "name: ../toy"))
    assert "The study's name is '../toy', expected a plain folder name" in refused()


def test_stage_folder_outside_the_workspace(refused: Refused) -> None:
    assert "second.first: '../../etc' points outside" in refused("--set", "second.first=../../etc")


@pytest.mark.parametrize("name", ["a-b", "import os", "x;y", "class", "1st"])
def test_name_that_is_not_an_identifier(refused: Refused, study: Path, name: str) -> None:
    with_(study, f"{{'{name}': 3}}")
    assert f"first: {name!r} is not the name of a parameter" in refused()


def test_YAML_duplicate_key(refused: Refused, study: Path) -> None:
    study.write_text(study.read_text() + "    notebook: first.ipynb\n")
    assert f"{study}, line 7: the key 'notebook' is defined twice (first on line 6). Remove one." in refused()


def test_YAML_object_tag(refused: Refused, study: Path, tmp_path: Path) -> None:
    canary = tmp_path.parent / f"{tmp_path.name}.canary"
    study.write_text(f"name: !!python/object/apply:os.system ['touch {canary}']\nstages: {{}}\n")
    assert f"{study}, line 1: object tags are not allowed" in refused()
    assert not canary.exists()


def test_device_cuda_without_one(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cuda_count", lambda: 0)
    assert "first.device is 'cuda', but this machine has no CUDA device. Use 'cpu' or 'auto'." in refused(
        "--set", "first.device=cuda"
    )
    monkeypatch.setattr(devices, "cuda_count", lambda: 2)
    assert "this machine has 2 CUDA devices, counted from 0" in refused("--set", "first.device=cuda:2")
    assert "a device is 'auto', 'cpu'" in refused("--set", "first.device=gpu")


def test_no_parameters_cell_or_two(refused: Refused, study: Path) -> None:
    path = study.parents[1] / "first.ipynb"
    notebook(path, None, "1")
    assert f"{path} has no code cell tagged 'parameters'" in refused()
    notebook(path, FIRST, cells=[cell("a: int = 1", "parameters"), cell("2"), cell("b: int = 1", "parameters")])
    assert f"{path} has 2 cells tagged 'parameters' (cells 1 and 3), expected one" in refused()


def test_unknown_kernel_lists_those_known(refused: Refused, study: Path) -> None:
    study.write_text(study.read_text().replace("name: toy", "name: toy\nkernel: julia-9"))
    assert "the kernel 'julia-9' is unknown. Known: " in refused()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: not JSON"),
        ("hello", "line 1: not JSON"),
        ("{}", "is JSON but not a notebook"),
        ("[1]", "is JSON but not a notebook"),
        ('{"nbformat": 3, "worksheets": []}', "has notebook format 3, expected 4"),
        ('{\n"cells": [\n<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> b\n]}', "line 3: merge markers. Resolve the conflict"),
    ],
)
def test_not_a_notebook(refused: Refused, study: Path, text: str, words: str) -> None:
    (study.parents[1] / "first.ipynb").write_text(text)
    assert words in refused()


def test_not_text_at_all(refused: Refused, study: Path) -> None:
    (study.parents[1] / "first.ipynb").write_bytes(b'{"cells": "\xe9"}')
    assert "is not UTF-8 text (byte 11)" in refused()


def test_a_secret_as_parameter(refused: Refused, study: Path) -> None:
    notebook(study.parents[1] / "first.ipynb", 'out: str = "x"\nncbi_api_key: str = ""')
    assert "ncbi_api_key looks like a secret" in refused()


def test_blanks_accents_quotes_and_dollars_in_paths_are_fine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "données d'été $(touch x) {a}"
    monkeypatch.setenv("GLMKIT_WORKSPACE", str(root))
    assert cli.main(["check", str(toy(root)), "--name", "l'été (2) $x"]) == 0
    assert capsys.readouterr().out == "toy: ok, 2 stages: first, second\n"


def test_check_of_a_bad_study_takes_under_5_s_and_loads_nothing_heavy(study: Path) -> None:
    code = "import sys; from glmkit import cli; n = cli.main(sys.argv[1:]); print(sorted({'torch', 'mlflow', 'papermill', 'nbformat', 'numpy'} & set(sys.modules))); sys.exit(n)"
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code, "run", str(study), "--set", "first.stepz=3"], capture_output=True, text=True
    )
    assert time.monotonic() - began < 5
    assert (done.returncode, done.stdout) == (2, "[]\n")


def test_debug_shows_the_traceback(study: Path) -> None:
    words = [sys.executable, "-m", "glmkit.cli", "check", str(study), "--set", "first.stepz=3"]
    assert "Traceback" not in subprocess.run(words, capture_output=True, text=True).stderr
    assert "Traceback" in subprocess.run([*words, "--debug"], capture_output=True, text=True).stderr
