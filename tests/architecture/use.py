"""Which public names the notebooks, the README, the guide and other packages use."""

import ast
import json
import re
from collections.abc import Iterable
from pathlib import Path

from tests.architecture.graph import ROOT, faces, imports, modules

Named = set[tuple[str, str]]  # defining module, name


def code_of(path: Path) -> str:
    """The Python in a notebook's code cells, or in a page's blocks."""
    if path.suffix == ".ipynb":
        cells = json.loads(path.read_text())["cells"]
        return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return "\n".join(re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL))


def pages() -> list[Path]:
    """The README and the pages of the guide."""
    return [ROOT / "README.md", *sorted((ROOT / "notebooks").rglob("*.md"))]


def notebooks() -> list[Path]:
    """All notebooks."""
    return sorted(path for path in (ROOT / "notebooks").rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)


def shown(paths: Iterable[Path]) -> Named:
    """Public names that these files import, or reach as an attribute such as ``plot.logo``."""
    api, found = faces(), set()
    for path in paths:
        source = code_of(path)
        found |= {
            (api[package][name], name) for package, name in imports(source, "notebooks.some") if name in api.get(package, {})
        }
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                package = f"glmkit.{node.value.id}"
                if node.attr in api.get(package, {}):
                    found.add((api[package][node.attr], node.attr))
    return found


def between_packages() -> Named:
    """Public names that one package of glmkit imports from another."""
    api, found = faces(), set()
    for module, path in modules().items():
        room = module.split(".")[1] if "." in module else ""
        for package, name in imports(path.read_text(), module, path.name == "__init__.py"):
            if name in api.get(package, {}) and package.split(".")[1] != room:
                found.add((api[package][name], name))
    return found
