"""Cells: strict readers of single-cell files, gene names, modalities, atomic writing.

anndata is imported when a function is first called, so that ``import glmkit.bio`` stays cheap.
"""

import importlib
from typing import Any

_HOMES = {
    "GeneMap": "genes",
    "cell_report": "report",
    "map_genes": "genes",
    "read_cells": "reading",
    "read_modalities": "reading",
    "write_cells": "writing",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
