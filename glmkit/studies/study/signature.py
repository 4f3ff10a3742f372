"""The signature of a notebook: the cell tagged ``parameters``, read without running the notebook.

Each parameter is one typed line; its comment holds the help text and the range::

    steps: int = 400                  # optimiser steps [1, 1000000]
    rate: float = 0.15                # share of masked tokens (0, 1)
    pool: Literal["mean", "last"] = "mean"  # how positions become one vector

No second schema has to be kept up to date. In exchange, defaults must be literals and only a few types are allowed. The cell
is read with ``ast`` and ``tokenize``; the notebook's code is not executed. The cell may also hold a docstring and
``from typing import Literal``.
"""

import ast
import io
import math
import re
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glmkit.errors import BadInput
from glmkit.studies.files.notebook_file import is_identifier, read_notebook, suggest
from glmkit.studies.kernels import devices
from glmkit.studies.study import parameter_types
from glmkit.studies.study.parameter_types import Mismatch

_RANGE = re.compile(r"([\[(])\s*([^\[\](),]*?)\s*,\s*([^\[\](),]*?)\s*([\])])\s*$")
_SECRET = re.compile(r"(^|_)(password|passwd|secret|api_?key|access_token|auth_token|credentials?)($|_)", re.IGNORECASE)
# Ranges of parameters that have the same meaning in every notebook; a range in the comment overrides them.
_USUAL = {"seed": (0, 2**32 - 1), "batch": (1, math.inf), "batch_size": (1, math.inf), "batch_tokens": (1, math.inf)}


@dataclass(frozen=True, kw_only=True)
class Parameter:  # numpydoc ignore=PR02
    """One line of the parameters cell.

    Parameters
    ----------
    name
        Name of the variable.
    type
        Source text of the annotation.
    default
        Default value.
    help
        Text of the comment without the range.
    low, high
        Bounds of the range; None for an unbounded side.
    low_open, high_open
        Whether the range excludes the bound.
    annotation
        Syntax tree of the annotation.
    """

    name: str
    type: str
    default: Any
    help: str = ""
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    annotation: ast.expr

    @property
    def range(self) -> str:
        """Range in interval notation; empty without a range."""
        if self.low is None and self.high is None:
            return ""
        low = "-inf" if self.low is None else _short(self.low)
        high = "inf" if self.high is None else _short(self.high)
        opening = "(" if self.low_open or self.low is None else "["
        closing = ")" if self.high_open or self.high is None else "]"
        return f"{opening}{low}, {high}{closing}"

    @property
    def expected(self) -> str:
        """Type and range, as used in messages."""
        return f"{self.type}{f' in {self.range}' if self.range else ''}"

    def check(self, value: Any, where: str) -> Any:
        """Convert `value` to the parameter's type; `where` is the beginning of an error message.

        Raises
        ------
        BadInput
            The value has the wrong type, is not finite, is out of range, or names a device that this machine lacks.
        """
        try:
            value = parameter_types.convert(self.annotation, value)
        except Mismatch as problem:
            raise BadInput(f"{where} expects {self.expected}, got {problem}.") from None
        for entry in value if isinstance(value, list) else [value]:
            if isinstance(entry, int | float) and not isinstance(entry, bool) and not self._within(entry):
                raise BadInput(f"{where} expects {self.expected}, got {entry!r}.")
        if self.name == "device" and isinstance(value, str) and (missing := devices.missing(value)):
            raise BadInput(f"{where} is {value!r}, but {missing}. Use 'cpu' or 'auto'.")
        return value

    def _within(self, value: float) -> bool:
        above = self.low is None or value > self.low or (value == self.low and not self.low_open)
        below = self.high is None or value < self.high or (value == self.high and not self.high_open)
        return above and below


@dataclass(frozen=True, kw_only=True)
class Signature:  # numpydoc ignore=PR02
    """Parameters of a notebook.

    Parameters
    ----------
    notebook
        Path of the notebook.
    parameters
        Parameters by name, in the order of the cell.
    """

    notebook: Path
    parameters: dict[str, Parameter]

    def check(self, values: Mapping[str, Any], where: str = "") -> dict[str, Any]:
        """Value of every parameter: the given one, converted to its type, or the default.

        Parameters
        ----------
        values
            Values by name; a :class:`glmkit.studies.study.parameter_types.Text` is parsed according to the type.
        where
            Name of the notebook in messages, such as that of the stage.

        Raises
        ------
        BadInput
            Some of `values` are invalid; the message lists all errors, one a line.
        """
        checked, problems = self.examine(values, where)
        if problems:
            raise BadInput("\n".join(problems))
        return checked

    def examine(self, values: Mapping[str, Any], where: str = "") -> tuple[dict[str, Any], list[str]]:
        """As :meth:`check`, but return the values and the list of errors instead of raising."""
        checked = {name: parameter.default for name, parameter in self.parameters.items()}
        problems: list[str] = []
        for name, value in values.items():
            label = f"{where}.{name}" if where else str(name)
            if not is_identifier(name):
                problems.append(
                    f"{where or self.notebook.name}: {name!r} is not the name of a parameter (letters, digits and '_' only)."
                )
            elif name not in self.parameters:
                problems.append(f"{label} is unknown to {self.notebook.name}.{suggest(name, self.parameters)}")
            else:
                try:
                    checked[name] = self.parameters[name].check(value, label)
                except BadInput as problem:
                    problems.append(str(problem))
        return checked, problems


def read_signature(notebook: str | Path) -> Signature:
    """Read the parameters cell of a notebook without running the notebook.

    Raises
    ------
    BadInput
        The file is not a notebook of format 4. Or the number of cells tagged ``parameters`` is not one, or a line is not of the
        form ``name: type = literal``.
    """
    notebook = Path(notebook)
    content = read_notebook(notebook)
    tagged = [
        (number, "".join(cell.get("source", "")))
        for number, cell in enumerate(content["cells"], 1)
        if cell.get("cell_type") == "code" and "parameters" in cell.get("metadata", {}).get("tags", [])
    ]
    if not tagged:
        raise BadInput(
            f"{notebook} has no code cell tagged 'parameters'. Tag the cell that holds its parameters (in JupyterLab's sidebar)."
        )
    if len(tagged) > 1:
        numbers = " and ".join(str(number) for number, _ in tagged)
        raise BadInput(f"{notebook} has {len(tagged)} cells tagged 'parameters' (cells {numbers}), expected one.")
    return Signature(notebook=notebook, parameters=parse_parameters(tagged[0][1], f"{notebook}, cell {tagged[0][0]}"))


def parse_parameters(source: str, where: str) -> dict[str, Parameter]:
    """Parse the lines of a parameters cell.

    Raises
    ------
    BadInput
        A line is not of the form ``name: type = literal``, a type is not supported, or a default is outside its own range.

    Examples
    --------
    >>> found = parse_parameters("rate: float = 0.15  # share of masked tokens (0, 1)", "pretrain.ipynb")
    >>> rate = found["rate"]
    >>> (rate.default, rate.range, rate.help)
    (0.15, '(0, 1)', 'share of masked tokens')
    """
    try:
        tree = ast.parse(source)
        comments = {
            token.start[0]: token.string.lstrip("#").strip()
            for token in tokenize.generate_tokens(io.StringIO(source).readline)
            if token.type == tokenize.COMMENT
        }
    except (SyntaxError, tokenize.TokenError) as error:
        raise BadInput(f"{where}, line {getattr(error, 'lineno', '?')}: not Python ({error.args[0]}).") from None
    found: dict[str, Parameter] = {}
    for statement in tree.body:
        if _is_prose(statement):
            continue
        parameter = _parameter(statement, comments.get(statement.end_lineno or 0, ""), f"{where}, line {statement.lineno}")
        if parameter.name in found:
            raise BadInput(f"{where}, line {statement.lineno}: {parameter.name!r} is defined twice. Remove one line.")
        found[parameter.name] = parameter
    return found


def _is_prose(statement: ast.stmt) -> bool:
    """Whether the statement is a docstring or the import of ``Literal``."""
    if isinstance(statement, ast.ImportFrom):
        return statement.module == "typing"
    return (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str)
    )


def _parameter(statement: ast.stmt, comment: str, where: str) -> Parameter:
    shown = ast.unparse(statement).splitlines()[0][:60]
    if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value is not None):
        raise BadInput(f"{where}: expected one line 'name: type = value  # help', got {shown!r}.")
    name, annotation = statement.target.id, statement.annotation
    if not parameter_types.supported(annotation):
        kinds = 'str, int, float, bool, list[...], Literal["a", "b"] and "| None"'
        raise BadInput(f"{where}: {name} has the type {ast.unparse(annotation)}; a parameter may have {kinds}.")
    if _SECRET.search(name):
        raise BadInput(
            f"{where}: {name} looks like a secret, which would be written into notebooks. Read it from the environment."
        )
    try:
        default = ast.literal_eval(statement.value)
    except ValueError:
        raise BadInput(f"{where}: the default of {name} must be a plain value, got {ast.unparse(statement.value)!r}.") from None
    text, bounds = _split_range(comment) if parameter_types.numeric(annotation) else (comment, {})
    if not bounds and name in _USUAL and parameter_types.numeric(annotation):
        low, high = _USUAL[name]
        bounds = {"low": low, "high": None if math.isinf(high) else high}
    parameter = Parameter(
        name=name, type=ast.unparse(annotation).replace("'", '"'), default=default, help=text, annotation=annotation, **bounds
    )
    checked = default
    if not (name == "device" and isinstance(default, str)):
        checked = parameter.check(default, f"{where}: the default of {name}")
    return Parameter(**{**parameter.__dict__, "default": checked})


def _split_range(comment: str) -> tuple[str, dict[str, Any]]:
    """Text of a comment, and the bounds that it gives in interval notation at its end."""
    match = _RANGE.search(comment)
    if not match:
        return comment, {}
    opening, low, high, closing = match.groups()
    try:
        ends = [float(end.replace("_", "")) if end else None for end in (low, high)]
    except ValueError:
        return comment, {}
    ends = [None if end is None or math.isinf(end) else int(end) if end.is_integer() else end for end in ends]
    bounds = {"low": ends[0], "high": ends[1], "low_open": opening == "(", "high_open": closing == ")"}
    return comment[: match.start()].rstrip(" ,;:"), bounds


def _short(number: float) -> str:
    return str(int(number)) if float(number).is_integer() and abs(number) < 1e12 else f"{number:g}"
