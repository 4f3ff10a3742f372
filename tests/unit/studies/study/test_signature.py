"""Signatures of notebooks: typed parameters, their ranges and what is refused.

Covers ``glmkit.studies.files.notebook_file``.
"""

import math
from pathlib import Path

import pytest

from glmkit.errors import BadInput
from glmkit.studies.study.parameter_types import Text
from glmkit.studies.study.signature import parse_parameters, read_signature
from glmkit.studies.study.signature_table import signature_table
from tests.faults.notebooks import notebook

CELL = '''\
"""What this notebook can be given."""
from typing import Literal
out: str = "runs/x/y"  # folder this stage writes
steps: int = 4_00  # optimiser steps [1, 1_000_000]
rate: float = 1  # peak (a, b), after warm-up (0, 1]
floor: float = -1.5  # anything below (-inf, 0)
shuffle: bool = True
pool: Literal["mean", "last"] = "mean"  # how [positions, tokens]
sizes: list[int] = [3, 5]  # widths [1, 512]
limit: float | None = None  # hours [0, inf)
'''


@pytest.fixture
def signature(tmp_path: Path):
    return read_signature(notebook(tmp_path / "a.ipynb", CELL, "raise SystemExit('never run')"))


def test_types_defaults_help_and_ranges(signature) -> None:
    found = signature.parameters
    assert list(found) == ["out", "steps", "rate", "floor", "shuffle", "pool", "sizes", "limit"]
    assert found["steps"].default == 400
    assert (found["steps"].help, found["steps"].range) == ("optimiser steps", "[1, 1000000]")
    assert isinstance(found["rate"].default, float)
    assert (found["rate"].help, found["rate"].range) == ("peak (a, b), after warm-up", "(0, 1]")
    assert found["floor"].range == "(-inf, 0)"
    assert (found["pool"].help, found["pool"].range) == ("how [positions, tokens]", "")
    assert found["limit"].range == "[0, inf)"


def test_check_returns_every_parameter_converted(signature) -> None:
    checked = signature.check({"rate": 1, "sizes": (7,), "limit": 2, "pool": "last"})
    assert checked == signature.check({}) | {"rate": 1.0, "sizes": [7], "limit": 2.0, "pool": "last"}
    assert type(checked["rate"]) is float


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("steps", "12", 12),
        ("rate", "1e-3", 0.001),
        ("shuffle", "false", False),
        ("pool", "last", "last"),
        ("sizes", "[3, 4]", [3, 4]),
        ("sizes", "3,4", [3, 4]),
        ("limit", "none", None),
        ("limit", "2.5", 2.5),
        ("out", "$(rm -rf) 'ü' = 3", "$(rm -rf) 'ü' = 3"),
    ],
)
def test_text_of_the_command_line_is_read_as_the_type_demands(signature, name, text, value) -> None:
    assert signature.check({name: Text(text)})[name] == value


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("steps", "3", "steps expects int in [1, 1000000], got '3' (str)"),
        ("steps", 3.0, "got 3.0 (float)"),
        ("steps", True, "got True (bool)"),
        ("steps", Text("abc"), "got 'abc' (str)"),
        ("steps", 0, "expects int in [1, 1000000], got 0"),
        ("rate", 0, "expects float in (0, 1], got 0.0"),
        ("rate", math.nan, "nan, which is not a finite number"),
        ("rate", Text("inf"), "inf, which is not a finite number"),
        ("floor", 0, "(-inf, 0), got 0.0"),
        ("shuffle", 1, "expects bool, got 1 (int)"),
        ("pool", "max", """expects Literal["mean", "last"], got 'max'"""),
        ("sizes", [3, 0], "expects list[int] in [1, 512], got 0"),
        ("limit", -1, "expects float | None in [0, inf), got -1.0"),
        ("out", "a\0b", "NUL character"),
        ("stepz", 3, "stepz is unknown to a.ipynb. Did you mean 'steps'?"),
        ("zzz", 3, "zzz is unknown to a.ipynb. Known: out, steps"),
        ("a; import os", 3, "'a; import os' is not the name of a parameter"),
        ("class", 3, "'class' is not the name of a parameter"),
    ],
)
def test_check_refuses_in_words(signature, name, value, words) -> None:
    with pytest.raises(BadInput) as error:
        signature.check({name: value})
    assert words in str(error.value)


def test_check_lists_all_problems_together(signature) -> None:
    with pytest.raises(BadInput) as error:
        signature.check({"stepz": 3, "rate": -1, "shuffle": "x"}, "pretrain")
    lines = str(error.value).splitlines()
    assert [line.split()[0] for line in lines] == ["pretrain.stepz", "pretrain.rate", "pretrain.shuffle"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("steps = 3", "line 1: expected one line 'name: type = value  # help', got 'steps = 3'"),
        ("\nimport os", "line 2: expected one line"),
        ("steps: int", "expected one line"),
        ("a: int = 1; a: int = 2", "'a' is defined twice"),
        ("a: int = int(3)", "the default of a must be a plain value, got 'int(3)'"),
        ("a: dict = {}", "a has the type dict; a parameter may have str, int"),
        ("a: int = 'x'", "the default of a expects int, got 'x' (str)"),
        ("a: int = 9  # few [0, 5]", "the default of a expects int in [0, 5], got 9"),
        ("a: int =", "line 1: not Python"),
        ("api_key: str = ''", "api_key looks like a secret"),
    ],
)
def test_a_cell_that_is_no_signature_is_refused_with_its_line(source, words) -> None:
    with pytest.raises(BadInput) as error:
        parse_parameters(source, "x.ipynb, cell 2")
    assert words in str(error.value)
    assert str(error.value).startswith("x.ipynb, cell 2, line ")


def test_usual_names_have_usual_ranges_unless_the_comment_says_otherwise() -> None:
    found = parse_parameters("seed: int = 0\nbatch_tokens: int = 64\nbatch: int = 0  # none is fine [0, 9]", "x")
    assert [found[name].range for name in found] == ["[0, 4294967295]", "[1, inf)", "[0, 9]"]


def test_table_shows_what_the_study_gives(signature) -> None:
    lines = signature_table(signature, {"steps": 7}).splitlines()
    assert lines[0].split() == ["parameter", "type", "range", "value", "help"]
    assert lines[2].split() == ["steps", "int", "[1,", "1000000]", "7", "*", "optimiser", "steps"]
