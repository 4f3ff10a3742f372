"""What every stage notebook promises: one parameters cell, an opening that says what it is, short cells, no outputs."""

import json
from pathlib import Path

import nbformat
import pytest

from glmkit.studies.study.signature import read_signature

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*/*.ipynb"))
IDS = [str(path.relative_to(ROOT)) for path in NOTEBOOKS]
LINES = 25


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
def test_code_cells_are_short_and_none_branches_on_a_test_mode(path: Path) -> None:
    coded = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    cells = [cell.source for cell in coded]
    signature = [cell.source for cell in coded if "parameters" in cell.metadata.get("tags", [])]  # a line a parameter
    assert [cell.splitlines()[0] for cell in cells if len(cell.splitlines()) > LINES and cell not in signature] == []
    assert [cell for cell in cells if "environ" in cell] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_prose_outweighs_nothing_but_is_there(path: Path) -> None:
    """A notebook is prose with code in it: at least every other code cell is preceded by a text cell."""
    kinds = [cell.cell_type for cell in nbformat.read(path, 4).cells]
    assert kinds.count("markdown") * 2 >= kinds.count("code")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_no_outputs_are_committed(path: Path) -> None:
    cells = json.loads(path.read_text())["cells"]
    assert [cell["id"] for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []
