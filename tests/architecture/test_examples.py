"""Examples in docstrings run, and every public function that a notebook or the README uses has one."""

import doctest
import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest

from tests.architecture.graph import ROOT, modules
from tests.architecture.use import notebooks, shown

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
WITH_EXAMPLES = [name for name, path in modules().items() if re.search(r"^\s*>>> ", path.read_text(), re.MULTILINE)]


def test_there_are_examples() -> None:
    assert len(WITH_EXAMPLES) > 40
    assert len(shown([*notebooks(), ROOT / "README.md"])) > 100


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module: ModuleType = importlib.import_module(name)
    failed, tried = doctest.testmod(module, optionflags=OPTIONS)
    assert tried > 0
    assert failed == 0


def test_what_notebooks_and_the_readme_use_has_an_example() -> None:
    bare = []
    for module, name in sorted(shown([*notebooks(), ROOT / "README.md"])):
        thing = getattr(importlib.import_module(module), name)
        if callable(thing) and ">>>" not in (thing.__doc__ or ""):
            bare.append(f"{module}.{name}")
    assert bare == []
