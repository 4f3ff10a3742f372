"""Notebook files as JSON, read without ``nbformat``, whose import takes longer than a whole ``glmkit check``."""

import difflib
import json
import keyword
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from glmkit.errors import BadInput


def is_identifier(name: Any) -> bool:
    """Whether `name` is a valid name of a variable, so that it can be a notebook's parameter."""
    return isinstance(name, str) and name.isidentifier() and not keyword.iskeyword(name)


def suggest(name: str, known: Iterable[str]) -> str:
    """The text " Did you mean ...?" with a similar known name; without one, a list of the known names."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else f" Known: {', '.join(known) or 'none'}."


def read_notebook(notebook: Path) -> dict[str, Any]:
    """Read the JSON of a notebook of format 4.

    Raises
    ------
    BadInput
        The file is missing, is not JSON, contains merge markers, or has another format.
    """
    try:
        text = Path(notebook).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BadInput(f"{notebook} does not exist.") from None
    except IsADirectoryError:
        raise BadInput(f"{notebook} is a folder, not a notebook.") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{notebook} is not UTF-8 text (byte {error.start}), so it is not a notebook.") from None
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        for number, line in enumerate(text.splitlines(), 1):
            if line.startswith(("<<<<<<<", ">>>>>>>", "|||||||")):
                raise BadInput(f"{notebook}, line {number}: merge markers. Resolve the conflict and save it again.") from None
        raise BadInput(f"{notebook}, line {error.lineno}: not JSON ({error.msg}), so it is not a notebook.") from None
    version = content.get("nbformat") if isinstance(content, dict) else None
    if not isinstance(version, int) or (version == 4 and not isinstance(content.get("cells"), list)):
        raise BadInput(f"{notebook} is JSON but not a notebook: it has no cells or no 'nbformat'.")
    if version != 4:
        raise BadInput(
            f"{notebook} has notebook format {version}, expected 4. Convert it: jupyter nbconvert --to notebook --nbformat 4."
        )
    return content


def cell_number(cells: Sequence[Mapping[str, Any]], index: int) -> int:
    """Number, from 1, of an executed notebook's cell in the original notebook, which lacks the cells added by papermill."""
    added = {"injected-parameters", "papermill-error-cell-tag"}
    return sum(not added & set(cell.get("metadata", {}).get("tags", [])) for cell in cells[: index + 1])


def failed_cell(executed: Path) -> int | None:
    """Number of the cell at which an executed notebook failed; None if no cell failed."""
    cells = read_notebook(executed)["cells"] if executed.exists() else []
    for index, cell in enumerate(cells):
        if cell.get("metadata", {}).get("papermill", {}).get("status") == "failed":
            return cell_number(cells, index)
    return None


def code_cells(content: Mapping[str, Any]) -> list[str]:
    """The sources of a notebook's code cells."""
    return ["".join(cell.get("source", "")) for cell in content["cells"] if cell.get("cell_type") == "code"]
