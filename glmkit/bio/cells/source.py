"""Format-independent content of an open file of cells: tables in memory, matrices on disk if the format allows it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd


def nothing(*_: Any) -> None:
    """Do nothing; the default of the callbacks `verify` and `close`."""


@dataclass(kw_only=True)
class Source:
    """One table of cells by features.

    Attributes
    ----------
    path
        Path of the file or folder.
    format
        ``"h5ad"``, ``"zarr"``, ``"h5mu"``, ``"10x_h5"`` or ``"10x_mtx"``.
    part
        Name of the modality in a file that stores modalities separately, else empty.
    obs
        Table of cells, indexed by name.
    var
        Feature table of ``X`` and of the layers.
    raw_var
        Feature table of ``raw``, or None.
    matrices
        Arrays (cells, features) by name (``"X"``, ``"layers/NAME"``, ``"raw/X"``) that can be sliced, on disk or in memory.
    obsm
        Arrays (cells, ...) by name, aligned with the cells.
    uns
        Unstructured content of the file.
    missing_chunks
        Number of missing chunks by array of a zarr folder, for arrays where missing chunks are no error.
    verify
        Function called with the name of a matrix before its use; raises if chunks are missing.
    close
        Function that closes the file.
    """

    path: Path
    format: str
    obs: pd.DataFrame
    var: pd.DataFrame
    matrices: dict[str, Any]
    part: str = ""
    raw_var: pd.DataFrame | None = None
    obsm: dict[str, Any] = field(default_factory=dict)
    uns: dict[str, Any] = field(default_factory=dict)
    missing_chunks: dict[str, int] = field(default_factory=dict)
    verify: Callable[[str], None] = nothing
    close: Callable[[], None] = nothing

    @property
    def place(self) -> str:
        """File and modality, for messages."""
        return f"{self.path}, modality {self.part!r}" if self.part else str(self.path)

    def features(self, matrix: str) -> pd.DataFrame:
        """The feature table of a matrix."""
        return self.raw_var if matrix == "raw/X" and self.raw_var is not None else self.var
