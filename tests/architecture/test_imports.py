"""Imports point down, and the two wings meet only in notebooks: the house of DESIGN, as a failing test."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GROUND = ["errors", "files", "axes", "programs"]
SCIENCE = ["bio", "acquire", "tokens", "data", "models", "train", "score", "evaluate", "interpret", "plot"]
PLATFORM = ["studies", "cli"]
# A room may import the ground floor, itself, and what stands here.
MAY_IMPORT: dict[str, set[str]] = {room: set(SCIENCE[: SCIENCE.index(room)]) for room in SCIENCE}
MAY_IMPORT["plot"] = {"bio"}  # figures come from arrays, never from models
MAY_IMPORT["studies"] = set()
MAY_IMPORT["cli"] = {"studies"}
MAY_IMPORT["errors"] = MAY_IMPORT["axes"] = set()
MAY_IMPORT["files"] = MAY_IMPORT["programs"] = {"errors"}


def modules() -> list[Path]:
    return sorted((ROOT / "glmkit").rglob("*.py"))


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT / "glmkit").parts
    return parts[0].removesuffix(".py")


def rooms_imported(source: str, package: tuple[str, ...]) -> set[str]:
    """The rooms of glmkit that `source` imports anywhere, function bodies and TYPE_CHECKING blocks included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) + "." if node.level else ""
            names = [f"{base}{node.module or ''}".strip(".")]
            if names[0] == "glmkit":
                names = [f"glmkit.{alias.name}" for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("glmkit.")}
    return found


def violations(path: Path, source: str) -> list[str]:
    room = room_of(path)
    if room == "__init__":
        return [f"glmkit/__init__.py imports {other}" for other in rooms_imported(source, ("glmkit",))]
    if room not in MAY_IMPORT:
        return [f"{room} is not a room of the house"]
    allowed = MAY_IMPORT[room] | {room} | (set() if room in GROUND else set(GROUND)) | {"__version__"}
    package = ("glmkit", *path.relative_to(ROOT / "glmkit").parts[:-1])
    return [f"{path.relative_to(ROOT)} imports glmkit.{other}" for other in sorted(rooms_imported(source, package) - allowed)]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    assert violations(path, path.read_text()) == []


def test_the_check_can_fail() -> None:
    path = ROOT / "glmkit" / "tokens" / "made_up.py"
    assert violations(path, "from glmkit.models import load") == ["glmkit/tokens/made_up.py imports glmkit.models"]
    assert violations(path, "def f():\n    import glmkit.studies.engine")
    assert violations(path, "from ..train import loop")
    assert violations(path, "from glmkit import evaluate")
    assert violations(path, "from glmkit.bio import Interval\nfrom .base import x\nfrom glmkit.errors import BadInput") == []
    assert violations(ROOT / "glmkit" / "studies" / "made_up.py", "import glmkit.bio.records")


def test_nothing_in_glmkit_imports_the_widgets() -> None:
    assert [path for path in modules() if "glmkit_widgets" in path.read_text()] == []


LINES, FUNCTION = 400, 60


def test_no_crowded_rooms() -> None:
    crowded = [str(p) for p in modules() if len(p.read_text().splitlines()) > LINES]
    assert crowded == []


def test_no_long_functions() -> None:
    """A function over 60 lines (docstring left out) says why in its docstring with the word 'long'."""
    found = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                doc = ast.get_docstring(node) or ""
                lines = (node.end_lineno or 0) - node.lineno + 1 - len(doc.splitlines())
                if lines > FUNCTION and "long" not in doc.lower():
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name} has {lines} lines")
    assert found == []
