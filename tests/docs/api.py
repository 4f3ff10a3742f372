"""The API reference as reStructuredText: one page a package, made from the exports of its ``__init__.pyi``."""

import ast
import importlib
import inspect
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import nbformat

from tests.architecture.graph import ROOT, faces

OUTSIDE = ("errors",)  # a public module below every package


@cache
def exports() -> dict[str, dict[str, str]]:
    """Each package with a public API: exported name to the dotted name of its definition."""
    return {package: {name: f"{module}.{name}" for name, module in names.items()} for package, names in faces().items()}


@cache
def documented() -> dict[str, dict[str, str]]:
    """Each package: exported name to the one name under which the object is documented, that of its shortest package."""
    first: dict[str, str] = {}
    for package in sorted(exports(), key=lambda name: (name.count("."), name)):
        for name, definition in exports()[package].items():
            first.setdefault(definition, f"{package}.{name}")
    return {package: {name: first[definition] for name, definition in names.items()} for package, names in exports().items()}


@cache
def canonical_names() -> dict[str, str]:
    """Every way to write an exported object (by its module, by any package, by its bare name if unique): its documented name."""
    names: dict[str, str] = {}
    bare: dict[str, set[str]] = {}
    for package, entries in documented().items():
        for name, target in entries.items():
            names[f"{package}.{name}"] = names[exports()[package][name]] = target
            bare.setdefault(name, set()).add(target)
    return names | {name: targets.pop() for name, targets in bare.items() if len(targets) == 1}


def opened(name: str) -> Any:
    """The object of a dotted name, or None if there is none."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            annotated = getattr(thing, "__annotations__", {})
            thing = getattr(thing, part, annotated.get(part))
        return thing
    return None


def subpackages(package: str) -> list[str]:
    """The packages directly below `package`, those without a public API included."""
    folder = ROOT / package.replace(".", "/")
    return sorted(f"{package}.{path.parent.name}" for path in folder.glob("*/__init__.py"))


def packages() -> list[str]:
    """Every package of the reference, in alphabetical order."""
    return sorted(exports())


def pages() -> Iterator[tuple[str, str]]:
    """Every page of the reference: its name without ending, and its text."""
    yield "index", index_page()
    yield "library", library_page()
    for package in packages():
        yield package, package_page(package)
    for module in OUTSIDE:
        yield (
            f"glmkit.{module}",
            f"{heading(f'glmkit.{module}')}.. automodule:: glmkit.{module}\n   :members:\n   :show-inheritance:\n",
        )


def index_page() -> str:
    """The first page: every package with its summary."""
    top = [name for name in packages() if name.count(".") == 1]
    order = [name for package in top for name in (package, *(child for child in packages() if child.startswith(f"{package}.")))]
    rows = [(f":doc:`{name} <{name}>`", summary(name)) for name in order] + [
        (f":doc:`glmkit.{name} <glmkit.{name}>`", summary(f"glmkit.{name}")) for name in OUTSIDE
    ]
    toc = ["glmkit", *top, *(f"glmkit.{name}" for name in OUTSIDE), "library"]
    return (
        f"{heading('API reference')}"
        "The public names of each package, from its docstrings. An object is described once, under its shortest name; a "
        "subpackage lists it too. :doc:`library` lists the names that no notebook uses.\n\n"
        f"{table(('package', 'content'), rows)}\n{toctree(toc)}"
    )


def package_page(package: str) -> str:
    """The page of one package: its docstring, subpackages, a table of its names, and the entry of each."""
    entries = documented()[package]
    below = subpackages(package)
    text = f"{heading(package)}.. automodule:: {package}\n   :no-members:\n\n"
    if below:
        rows = [(f":doc:`{name} <{name}>`" if name in exports() else f"``{name}``", summary(name)) for name in below]
        text += f".. rubric:: Subpackages\n\n{table(('package', 'content'), rows)}\n"
    if entries:
        names = [(f":py:obj:`~{entries[name]}`", summary(entries[name])) for name in sorted(entries, key=str.lower)]
        text += f".. rubric:: Names\n\n{table(('name', 'content'), names)}\n"
    own = [name for name in sorted(entries, key=str.lower) if entries[name] == f"{package}.{name}"]
    text += "".join(entry(package, name) for name in own)
    short = [f"{name.removeprefix('glmkit.')} <{name}>" for name in below if name in exports()]
    return text + (toctree(short) if package != "glmkit" else "")


def entry(package: str, name: str) -> str:
    """The directive that documents one exported object."""
    thing = getattr(importlib.import_module(package), name)
    if inspect.isclass(thing):
        fields = ", ".join(getattr(thing, "_fields", ()))  # of a named tuple: its docstring describes them
        left_out = f"   :exclude-members: {fields}\n" if fields else ""
        return f".. autoclass:: {package}.{name}\n   :members:\n{left_out}\n"
    if callable(thing) and hasattr(thing, "__name__"):
        return f".. autofunction:: {package}.{name}\n\n"
    return f".. py:data:: {package}.{name}\n\n   {constant(exports()[package][name])}\n\n"


def constant(definition: str) -> str:
    """The description of a constant: the comment at its definition, then its keys or its value where they are short."""
    module, _, name = definition.rpartition(".")
    value = getattr(importlib.import_module(module), name)
    source = inspect.getsource(importlib.import_module(module))
    found = re.search(rf"^{name}\b[^\n]*?#:? (.+)$|^#:? ?(.+)\n{name}\b", source, re.MULTILINE)
    text = (found[1] or found[2]).strip() if found else ""
    text = text[:1].upper() + text[1:].rstrip(".") + ". " if text else ""
    if isinstance(value, dict):
        return f"{text}A dictionary with the keys {', '.join(f'``{key}``' for key in value)}."
    shown = repr(value)
    return f"{text}Value: ``{shown}``." if len(shown) <= 100 else f"{text}Of type ``{type(value).__name__}``."


def library_page() -> str:
    """The exports that no notebook uses, by package."""
    used = used_by_notebooks()
    text = heading("Library") + (
        "Public names that no notebook of glmkit uses. They serve scripts and other packages, and have the same tests as the rest.\n\n"
    )
    for package in packages():
        targets = {target for target in documented()[package].values() if target.rpartition(".")[0] == package} - used
        if targets:
            rows = [(f":py:obj:`~{name}`", summary(name)) for name in sorted(targets, key=str.lower)]
            text += f"{heading(package, '-')}{table(('name', 'content'), rows)}\n"
    return text


@cache
def used_by_notebooks() -> set[str]:
    """Documented names of the objects that the code of a notebook imports from glmkit, or reaches by attribute."""
    used: set[str] = set()
    for path in sorted((ROOT / "notebooks").glob("*/*.ipynb")):
        cells = nbformat.read(path, 4).cells
        code = "\n".join(re.sub(r"(?m)^\s*[%!].*$", "", cell.source) for cell in cells if cell.cell_type == "code")
        used |= {canonical_names().get(name, name) for name in names_in(ast.parse(code))}
    return used


def names_in(tree: ast.AST) -> set[str]:
    """Dotted names below glmkit that some code refers to."""
    local = {"glmkit": "glmkit"}
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "glmkit":
            for alias in node.names:
                local[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            local |= {alias.asname: alias.name for alias in node.names if alias.asname and alias.name.startswith("glmkit.")}
    found |= set(local.values())
    for node in ast.walk(tree):
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts, node = [node.attr, *parts], node.value
        if parts and isinstance(node, ast.Name) and node.id in local:
            found |= {".".join([local[node.id], *parts[:cut]]) for cut in range(1, len(parts) + 1)}
    return found


def summary(name: str) -> str:
    """First sentence or line of an object's docstring, as reStructuredText."""
    thing = opened(name)
    if not (inspect.ismodule(thing) or inspect.isclass(thing) or callable(thing)):
        package, _, last = name.rpartition(".")
        return constant(exports()[package][last])
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def heading(text: str, mark: str = "=") -> str:
    """A heading."""
    return f"{text}\n{mark * len(text)}\n\n"


def table(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    """A table of two columns."""
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 30 70", ""]
    for left, right in [head, *rows]:
        lines += [f"   * - {left}", f"     - {right}"]
    return "\n".join(lines) + "\n"


def toctree(names: Iterable[str]) -> str:
    """A hidden table of contents."""
    lines = "".join(f"   {name}\n" for name in names)
    return f"\n.. toctree::\n   :hidden:\n\n{lines}" if lines else ""
