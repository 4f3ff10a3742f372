"""The import graph of glmkit at the level of files and of folders. ``python -m tests.architecture.graph`` prints its counts."""

import ast
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
Graph = dict[str, set[str]]


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Dotted name of each module of glmkit to its file; a package has the name of its folder."""
    files = sorted((root / "glmkit").rglob("*.py"))
    return {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


def faces(root: Path = ROOT) -> dict[str, dict[str, str]]:
    """Each package with a public API: exported name to the module that defines it, from its ``__init__.pyi``."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted((root / "glmkit").rglob("__init__.pyi")):
        package = ".".join(path.relative_to(root).parts[:-1])
        found[package] = {
            alias.asname or alias.name: f"{package}.{node.module}"
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }
    return found


def imports(source: str, module: str, package: bool = False) -> set[tuple[str, str]]:
    """Pairs (module, name) that `source` imports from glmkit anywhere, function bodies and ``TYPE_CHECKING`` included."""
    parents = module.split(".") if package else module.split(".")[:-1]
    found: set[tuple[str, str]] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {(alias.name, "") for alias in node.names if alias.name.split(".")[0] == "glmkit"}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(parents[: len(parents) - node.level + 1]) + "." if node.level else ""
            origin = f"{base}{node.module or ''}".strip(".")
            if origin.split(".")[0] == "glmkit":
                found |= {(origin, alias.name) for alias in node.names}
    return found


def edges(root: Path = ROOT) -> Graph:
    """Each module to the modules that it imports, names of a package's public API followed to their definitions."""
    known, api = modules(root), faces(root)
    graph: Graph = {}
    for module, path in known.items():
        graph[module] = set()
        for origin, name in imports(path.read_text(), module, path.name == "__init__.py"):
            inside = f"{origin}.{name}"
            target = inside if inside in known else api.get(origin, {}).get(name, origin)
            if target in known and target != module:
                graph[module].add(target)
    return graph


def nodes_within(folder: str, graph: Graph) -> Graph:
    """Files and subfolders of `folder` with the imports between them, each subfolder taken as one node."""
    inside: Graph = {}
    for module, targets in graph.items():
        if not module.startswith(f"{folder}."):
            continue
        here = module.removeprefix(f"{folder}.").split(".")[0]
        inside.setdefault(here, set())
        inside[here] |= {
            node
            for target in targets
            if target.startswith(f"{folder}.") and (node := target.removeprefix(f"{folder}.").split(".")[0]) != here
        }
    return inside


def circle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """One circle of the graph, or an empty list."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def folders(root: Path = ROOT) -> list[str]:
    """Dotted names of the folders of glmkit that hold modules."""
    return sorted({name if path.name == "__init__.py" else name.rpartition(".")[0] for name, path in modules(root).items()})


def files_in(folder: str, root: Path = ROOT) -> int:
    """Modules in a folder, without its ``__init__.py``."""
    return len([path for path in (root / folder.replace(".", "/")).glob("*.py") if path.name != "__init__.py"])


def main(root: Path) -> None:
    """Print the counts of the tree below `root`."""
    graph = edges(root)
    circles = [folder for folder in folders(root) if circle(nodes_within(folder, graph))]
    print(f"modules {len(graph)}, imports {sum(map(len, graph.values()))}")
    print(f"circles: files {int(bool(circle(graph)))}, folders {len(circles)} {circles or ''}")
    crowd = Counter({folder: files_in(folder, root) for folder in folders(root)})
    print("files a folder, largest: " + ", ".join(f"{name} {number}" for name, number in crowd.most_common(6)))
    counts = Counter({package: len(names) for package, names in faces(root).items()})
    print("exports a package, largest: " + ", ".join(f"{name} {number}" for name, number in counts.most_common(6)))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if sys.argv[1:] else ROOT)
