"""The wheel is whole: it holds what it should, and a study runs from it outside any clone."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LARGEST = 10_000_000  # bytes; the samples alone are 7 million
THERE = """import pathlib, glmkit, glmkit_widgets
print(pathlib.Path(glmkit.__file__).parent, pathlib.Path(glmkit_widgets.__file__).parent, sep="\\n")"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this tree."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """The members of the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside the clone into which the wheel is installed."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(folder), str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def python(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess:
    """Run this interpreter with the installed wheel, and nothing else of ours, in front of its own packages."""
    left_out = ("PYTHONPATH", "GLMKIT_", "MLFLOW_", "PYTEST_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    environment["PYTHONPATH"] = str(installed)
    return subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=240)


def members(suffixes: tuple[str, ...], *folders: str) -> set[str]:
    """Committed files below `folders` that end so, as paths of the clone."""
    listed = subprocess.run(["git", "ls-files", "--", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in listed.stdout.splitlines() if name.endswith(suffixes)}


def test_every_committed_file_of_the_packages_is_in_the_wheel(names: set[str]) -> None:
    ours = {name.removeprefix("widgets/") for name in members(("",), "glmkit", "widgets/glmkit_widgets")}
    notebooks = {name.replace("notebooks/", "glmkit/_notebooks/", 1) for name in members(("",), "notebooks")}
    assert len(ours) > 100
    assert len(notebooks) > 6
    assert (ours | notebooks) - names == set()


@pytest.mark.parametrize(
    "name",
    [
        "glmkit/acquire/packages/catalogue.json",
        "glmkit/acquire/sample_data/index.json",
        "glmkit/acquire/sample_data/leptospira_kirschneri_h1.gb.gz",
        "glmkit/studies/report/report.html.j2",
        "glmkit/studies/report/report.css",
        "glmkit/_notebooks/dna/1_acquire.ipynb",
        "glmkit/_notebooks/studies/bacterial_genes.yaml",
        "glmkit_widgets/training_monitor/view.js",
        "glmkit_widgets/training_monitor/view.css",
    ],
)
def test_what_is_no_python_is_in_the_wheel(names: set[str], name: str) -> None:
    assert name in names


def test_the_wheel_holds_nothing_else(names: set[str]) -> None:
    assert {name.split("/")[0].split("-")[0] for name in names} == {"glmkit", "glmkit_widgets"}
    strangers = [name for name in names if "test" in name or "__pycache__" in name or ".ipynb_checkpoints" in name]
    assert strangers == []


def test_the_notebooks_in_the_wheel_were_not_executed(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".ipynb"):
                cells = json.loads(archive.read(name))["cells"]
                assert [cell["id"] for cell in cells if cell.get("outputs") or cell.get("execution_count")] == [], name


def test_the_wheel_carries_its_licence_readme_and_entry_points(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (folder,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        metadata = archive.read(f"{folder}/METADATA").decode()
        assert archive.read(f"{folder}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
        entries = archive.read(f"{folder}/entry_points.txt").decode()
    head, _, readme = metadata.partition("\n\n")
    assert {"License-Expression: Apache-2.0", "Name: glmkit"} <= set(head.splitlines())
    assert readme.strip() == (ROOT / "README.md").read_text().strip()
    assert "glmkit = glmkit.cli:main" in entries
    assert "[papermill.engine]\nglmkit = glmkit.studies.notebook.entry:GlmkitEngine" in entries


def test_the_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size < LARGEST


def test_a_study_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    where = python(installed, tmp_path, "-c", THERE)
    assert where.stdout.splitlines() == [str(installed / "glmkit"), str(installed / "glmkit_widgets")], where.stderr

    made = python(installed, tmp_path, "-m", "glmkit.cli", "new", "project")
    assert made.returncode == 0, made.stdout + made.stderr
    project = tmp_path / "project"

    # A kernel writes down which glmkit it imported: it is a third process, and each could fall back on another copy.
    notebook = project / "notebooks/dna/1_acquire.ipynb"
    content = json.loads(notebook.read_text())
    last = [cell for cell in content["cells"] if cell["cell_type"] == "code"][-1]
    last["source"] = ["import glmkit\n", "run.path('imported.txt').write_text(glmkit.__file__)\n", *last["source"]]
    notebook.write_text(json.dumps(content))

    study = "notebooks/studies/bacterial_genes.yaml"
    checked = python(installed, project, "-m", "glmkit.cli", "check", study)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.startswith("bacterial_genes: ok, 6 stages: acquire, ")

    done = python(installed, project, "-m", "glmkit.cli", "run", study, "--until", "acquire", "--cores", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    stage = project / "runs/bacterial_genes/acquire"
    assert json.loads((stage / "run.json").read_text())["status"] == "FINISHED"
    assert (stage / "imported.txt").read_text() == str(installed / "glmkit/__init__.py")
    assert (project / "runs/bacterial_genes/report.html").stat().st_size > 1000
