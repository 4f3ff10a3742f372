"""Tiny notebooks and studies for the fault tests: pure Python cells, written without nbformat's help where it must be wrong."""

import json
from pathlib import Path
from typing import Any


def cell(source: str, *tags: str) -> dict[str, Any]:
    return {"cell_type": "code", "execution_count": None, "metadata": {"tags": list(tags)}, "outputs": [], "source": source}


def notebook(path: Path, parameters: str | None, *sources: str, **changes: Any) -> Path:
    cells = [] if parameters is None else [cell(parameters, "parameters")]
    content = {"cells": cells + [cell(source) for source in sources], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    for number, entry in enumerate(content["cells"]):
        entry["id"] = f"cell{number}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content | changes), encoding="utf-8")
    return path


FIRST = """\
out: str = "runs/toy/first"  # folder this stage writes
steps: int = 4  # optimiser steps [1, 1000]
rate: float = 0.5  # learning rate (0, 1]
seed: int = 0  # random seed
batch: int = 8  # sequences a batch
device: str = "auto"  # where it runs
"""
SECOND = """\
out: str = "runs/toy/second"  # folder this stage writes
first: str = "runs/toy/first"  # folder of the stage before
"""


def toy(root: Path, first: tuple[str, ...] = ("1",), second: tuple[str, ...] = ("2",), extra: str = "") -> Path:
    """A study of two stages in a workspace of its own; returns the study file."""
    notebook(root / "notebooks" / "first.ipynb", FIRST, *first)
    notebook(root / "notebooks" / "second.ipynb", SECOND, *second)
    (root / "glmkit.toml").write_text("")
    study = root / "notebooks" / "studies" / "toy.yaml"
    study.parent.mkdir(parents=True, exist_ok=True)
    study.write_text(f"name: toy\nstages:\n  first:\n    notebook: first.ipynb\n{extra}  second:\n    notebook: second.ipynb\n")
    return study
