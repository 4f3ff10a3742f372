"""The few types a parameter may have, and how a value from YAML or from the command line is held against one.

A type is kept as the annotation's own syntax tree: ``str``, ``int``, ``float``, ``bool``, ``list[...]``, ``Literal[...]`` and
``... | None``. Strict on purpose: ``3.0`` is no int and ``"3"`` is no number, because a value that had to be guessed at is a
value that somebody did not mean. Only :class:`Text` (what stood behind ``--set``) is read as the type demands.
"""

import ast
import math
from typing import Any

import yaml

SCALARS = {"str": str, "int": int, "float": float, "bool": bool}


class Text(str):
    """A value as it was typed on the command line, whose type is decided by the parameter it is given to."""


class Mismatch(Exception):
    """A value does not have the type; the text says what came."""


def supported(node: ast.expr) -> bool:
    """Whether the annotation is one of those that a parameter may have."""
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
    """Whether the annotation speaks of numbers, so that a range makes sense."""
    return any(isinstance(part, ast.Name) and part.id in {"int", "float"} for part in ast.walk(node))


def convert(node: ast.expr, value: Any) -> Any:
    """`value` as the annotation has it.

    Raises
    ------
    Mismatch
        It does not have that type.
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
    """Read what was typed behind ``--set`` as the annotation demands; text that does not fit is returned as it is."""
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
    """The parts of ``A | B | ...``, plain text last, since every text fits it."""
    if isinstance(node, ast.BinOp):
        parts = alternatives(node.left) + alternatives(node.right)
        return sorted(parts, key=lambda part: isinstance(part, ast.Name) and part.id == "str")
    return [node]


def _entries(text: str) -> list[str]:
    """Split ``[a, b]`` or ``a,b`` into texts."""
    if text.strip().startswith("["):
        try:
            read = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 (BaseLoader makes nothing but texts)
        except yaml.YAMLError:
            read = None
        return [str(entry) for entry in read] if isinstance(read, list) else [text]
    return [entry.strip() for entry in text.split(",") if entry.strip()]
