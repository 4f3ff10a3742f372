"""Types of notebook parameters, and the conversion of values from YAML and the command line to them.

A type is kept as the syntax tree of its annotation: ``str``, ``int``, ``float``, ``bool``, ``list[...]``, ``Literal[...]`` and
``... | None``. Conversion is strict: ``3.0`` is not an int and ``"3"`` is not a number, because a guess could hide a mistake.
Only a :class:`Text`, a value given with ``--set``, is parsed according to the type.
"""

import ast
import math
from typing import Any

import yaml

SCALARS = {"str": str, "int": int, "float": float, "bool": bool}


class Text(str):
    """Text of a value from the command line, which is parsed according to the type of its parameter."""


class Mismatch(Exception):
    """A value does not have the expected type; the text of the exception describes the value."""


def supported(node: ast.expr) -> bool:
    """Whether a parameter may have this annotation."""
    match node:
        case ast.Name(id=name):
            return name in SCALARS
        case ast.Constant(value=None):
            return True
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            return supported(left) and supported(right)
        case ast.Subscript(value=ast.Name(id="list"), slice=item):
            return supported(item)
        case ast.Subscript(value=ast.Name(id="Literal")):
            return all(isinstance(choice, str | int | float | bool) for choice in choices(node) or [None])
    return False


def choices(node: ast.expr) -> list[Any]:
    """The values of the ``Literal[...]`` inside an annotation; empty if there is none."""
    for part in ast.walk(node):
        if isinstance(part, ast.Subscript) and isinstance(part.value, ast.Name) and part.value.id == "Literal":
            items = part.slice.elts if isinstance(part.slice, ast.Tuple) else [part.slice]
            return [ast.literal_eval(item) for item in items]
    return []


def numeric(node: ast.expr) -> bool:
    """Whether the annotation includes numbers, so that a range is meaningful."""
    return any(isinstance(part, ast.Name) and part.id in {"int", "float"} for part in ast.walk(node))


def convert(node: ast.expr, value: Any) -> Any:
    """Convert `value` to the type of an annotation.

    Raises
    ------
    Mismatch
        `value` does not have that type.
    """
    if isinstance(value, Text):
        value = from_text(node, value)
    match node:
        case ast.Name(id="float") if isinstance(value, int | float) and not isinstance(value, bool):
            if not math.isfinite(value):
                raise Mismatch(f"{value}, which is not a finite number")
            return float(value)
        case ast.Name(id="int") if isinstance(value, int) and not isinstance(value, bool):
            return value
        case ast.Name(id="str") if isinstance(value, str):
            if "\0" in value:
                raise Mismatch("a text with a NUL character in it")
            return str(value)
        case ast.Name(id="bool") if isinstance(value, bool):
            return value
        case ast.Constant(value=None) if value is None:
            return None
        case ast.BinOp(left=left, right=right):
            try:
                return convert(left, value)
            except Mismatch:
                return convert(right, value)
        case ast.Subscript(value=ast.Name(id="list"), slice=item) if isinstance(value, list | tuple):
            return [convert(item, entry) for entry in value]
        case ast.Subscript(value=ast.Name(id="Literal")):
            for choice in choices(node):
                if choice == value and type(choice) is type(value):
                    return choice
    raise Mismatch(f"{value!r} ({type(value).__name__})")


def from_text(node: ast.expr, text: str) -> Any:
    """Parse a value given with ``--set`` according to an annotation; text that does not fit is returned unchanged."""
    text = str(text)
    for part in alternatives(node):
        match part:
            case ast.Name(id="int" | "float" as name):
                try:
                    return SCALARS[name](text)
                except ValueError:
                    continue
            case ast.Name(id="bool"):
                if text.lower() in {"true", "false"}:
                    return text.lower() == "true"
            case ast.Constant(value=None):
                if text.lower() in {"none", "null"}:
                    return None
            case ast.Subscript(value=ast.Name(id="list"), slice=item):
                return [from_text(item, entry) for entry in _entries(text)]
            case ast.Subscript(value=ast.Name(id="Literal")):
                for choice in choices(part):
                    if str(choice) == text:
                        return choice
    return text


def alternatives(node: ast.expr) -> list[ast.expr]:
    """The parts of ``A | B | ...``, with ``str`` last because every text fits it."""
    if isinstance(node, ast.BinOp):
        parts = alternatives(node.left) + alternatives(node.right)
        return sorted(parts, key=lambda part: isinstance(part, ast.Name) and part.id == "str")
    return [node]


def _entries(text: str) -> list[str]:
    """Split ``[a, b]`` or ``a,b`` into texts."""
    if text.strip().startswith("["):
        try:
            read = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 (BaseLoader creates only strings)
        except yaml.YAMLError:
            read = None
        return [str(entry) for entry in read] if isinstance(read, list) else [text]
    return [entry.strip() for entry in text.split(",") if entry.strip()]
