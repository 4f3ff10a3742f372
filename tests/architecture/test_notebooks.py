"""The form of every stage notebook: one parameters cell, an opening with its inputs and outputs, short cells, no outputs."""

import ast
import json
import re
from pathlib import Path

import nbformat
import pytest

from glmkit.studies.study.signature import read_signature

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*/*.ipynb"))
IDS = [str(path.relative_to(ROOT)) for path in NOTEBOOKS]
LINES, CHARACTERS = 15, 100
FORBIDDEN = {
    "formatting is decided by ruff format": r"#\s*fmt:\s*(skip|off)",
    "lint rules are not switched off": r"#\s*noqa",
    "descriptions are arguments, not docstrings set afterwards": r"__doc__",
    "files of another stage are found by role": r"glob\(|iterdir\(|listdir\(",
    "a lambda hides what it computes": r"\blambda\b",
}


def code_of(path: Path, parameters: bool = True) -> list[str]:
    """Sources of the code cells; the parameters cell, which has a line a parameter, may be left out."""
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    return [cell.source for cell in cells if parameters or "parameters" not in cell.metadata.get("tags", [])]


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) >= 6


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_parameters_are_typed_described_and_name_the_stages_they_read(path: Path) -> None:
    parameters = read_signature(path).parameters
    assert parameters["out"].default.startswith("runs/")
    assert [name for name, parameter in parameters.items() if not parameter.help] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_the_opening_says_what_it_reads_writes_needs_and_takes(path: Path) -> None:
    first = nbformat.read(path, 4).cells[0].source
    assert [word for word in ("You learn", "reads", "writes", "needs", "takes") if word not in first] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_code_cells_fit_a_slide(path: Path) -> None:
    cells = code_of(path, parameters=False)
    assert [cell.splitlines()[0] for cell in cells if len(cell.splitlines()) > LINES] == []
    assert [line for cell in cells for line in cell.splitlines() if len(line) > CHARACTERS] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_code_cells_are_plain(path: Path) -> None:
    cells = code_of(path)
    found = {why: cell.splitlines()[0] for why, words in FORBIDDEN.items() for cell in cells if re.search(words, cell)}
    assert found == {}
    assert [cell for cell in cells if "environ" in cell] == [], "a notebook does not branch on a test mode"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_functions_of_a_notebook_are_few_and_not_nested(path: Path) -> None:
    """What shapes data belongs in glmkit; a notebook defines only how its models are trained and applied."""
    trees = [ast.parse(cell) for cell in code_of(path)]
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert len(functions) <= 3
    assert [inner.name for outer in functions for inner in ast.walk(outer) if isinstance(inner, ast.FunctionDef)] == [
        function.name for function in functions
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_there_is_a_text_cell_for_every_two_code_cells(path: Path) -> None:
    kinds = [cell.cell_type for cell in nbformat.read(path, 4).cells]
    assert kinds.count("markdown") * 2 >= kinds.count("code")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_no_outputs_are_committed(path: Path) -> None:
    cells = json.loads(path.read_text())["cells"]
    assert [cell["id"] for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []
