"""Public APIs: short, lazy, typed, and without a name that hides a module."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.graph import ROOT, faces

FACES = faces()
MOST_NAMES = 25


@pytest.mark.parametrize("package", sorted(FACES))
def test_a_public_api_is_short(package: str) -> None:
    assert len(FACES[package]) <= MOST_NAMES


@pytest.mark.parametrize("package", sorted(FACES))
def test_no_export_has_the_name_of_a_module_or_folder_beside_it(package: str) -> None:
    folder = ROOT / package.replace(".", "/")
    beside = {path.stem for path in folder.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert set(FACES[package]) & beside == set()


@pytest.mark.parametrize("package", sorted(FACES))
def test_every_export_opens(package: str) -> None:
    module = importlib.import_module(package)
    assert [name for name in FACES[package] if not hasattr(module, name)] == []
    assert set(FACES[package]) <= set(dir(module))


def test_every_package_with_stubs_uses_them() -> None:
    unlazy = [package for package in FACES if "attach_stub" not in (ROOT / package.replace(".", "/") / "__init__.py").read_text()]
    assert unlazy == []


@pytest.mark.parametrize("name", ["score.embed", "evaluate.baselines.dna.KmerForest", "data.splits.split_blocks"])
def test_a_name_is_reached_from_the_top_without_torch(name: str) -> None:
    code = f"import sys, glmkit; glmkit.{name}; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_an_unknown_name_is_an_attribute_error() -> None:
    module = importlib.import_module("glmkit.score")
    with pytest.raises(AttributeError, match="embeddings"):
        module.embeddings  # noqa: B018


def test_stubs_are_in_the_source_tree() -> None:
    assert Path(ROOT / "glmkit/__init__.pyi").exists()
