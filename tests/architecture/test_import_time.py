"""``import glmkit`` and ``glmkit --help`` are quick, because nothing heavy is loaded before it is needed."""

import subprocess
import sys

import pytest

HEAVY = ["torch", "mlflow", "snakemake", "transformers", "sklearn", "matplotlib", "pandas", "numba"]


def loaded(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sorted(name for name in sys.modules if '.' not in name))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_glmkit_imports_next_to_nothing() -> None:
    assert loaded("import glmkit") & set(HEAVY) == set()


def test_the_command_line_imports_next_to_nothing() -> None:
    assert loaded("import glmkit.cli") & set(HEAVY) == set()


@pytest.mark.parametrize(
    "room", ["bio", "acquire", "tokens", "data", "models", "train", "score", "evaluate", "interpret", "plot"]
)
def test_no_room_imports_torch_before_a_model_is_touched(room: str) -> None:
    assert "torch" not in loaded(f"import glmkit.{room}")


@pytest.mark.parametrize("statement", ["import glmkit.bio", "import glmkit.bio.cells", "from glmkit.bio import map_genes"])
def test_bio_imports_no_reader_of_cells_before_it_is_used(statement: str) -> None:
    assert loaded(statement) & {"anndata", "scanpy", "h5py", "mudata", "zarr", "pandas"} == set()


def test_the_platform_never_imports_torch() -> None:
    modules = ["study.signature", "study.study_file", "notebook.stage", "notebook.engine", "run.job", "run.workflow"]
    modules += ["report.report", "report.status", "tracking.runs"]
    assert "torch" not in loaded("; ".join(f"import glmkit.studies.{name}" for name in modules))
