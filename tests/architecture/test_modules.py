"""Modules and functions stay short, and each module has a test."""

import ast
import re

from tests.architecture.graph import ROOT, faces, imports, modules

LINES, FUNCTION = 400, 60
MARKER = re.compile(r"#\s*long:\s*\S+")


def long_functions(source: str) -> list[str]:
    """Functions over the limit, docstring left out, without the marker ``# long: reason`` on their first line."""
    found, lines = [], source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            doc = ast.get_docstring(node) or ""
            length = (node.end_lineno or 0) - node.lineno + 1 - len(doc.splitlines())
            if length > FUNCTION and not MARKER.search(lines[node.lineno - 1]):
                found.append(f"{node.lineno} {node.name} has {length} lines")
    return found


def test_no_long_modules() -> None:
    assert [str(path) for path in modules().values() if len(path.read_text().splitlines()) > LINES] == []


def test_no_long_functions() -> None:
    assert {str(path): found for path in modules().values() if (found := long_functions(path.read_text()))} == {}


def test_a_long_function_is_excused_by_a_marker_only() -> None:
    body = "\n".join(f"    x = {i}" for i in range(FUNCTION))
    assert long_functions(f'def f():\n    """A long story."""\n{body}')
    assert long_functions(f"def f():  # long: one table\n{body}") == []
    assert long_functions(f"def f():  # long:\n{body}")


def test_each_module_has_a_test_of_its_name_or_is_named_in_one() -> None:
    """Named: imported, used by one of its exports, or written in a test's docstring (``Covers glmkit.…``)."""
    known, api = modules(), faces()
    paths = sorted((ROOT / "tests").rglob("*.py"))
    sources = {path: path.read_text() for path in paths}
    stems = {path.stem.removeprefix("test_") for path in paths if path.name.startswith("test_")}
    used = set()
    for source in sources.values():
        for origin, name in imports(source, "tests.some"):
            used.add(f"{origin}.{name}" if f"{origin}.{name}" in known else api.get(origin, {}).get(name, origin))
    text = "\n".join(sources.values())
    paths_named = re.findall(r"glmkit(?:\.\w+)+", text)
    named = {".".join(words[:end]) for path in paths_named for words in [path.split(".")] for end in range(2, len(words) + 1)}
    untested = [
        module
        for module, path in known.items()
        if path.name not in {"__init__.py", "__main__.py", "axes.py"}  # axes.py holds type aliases only
        and module.rpartition(".")[2].lstrip("_") not in stems
        and module not in used | named
    ]
    assert untested == []
