"""What an open file of cells holds, whichever its format: tables in memory, matrices still on disk where they can stay there."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd


def nothing(*_: Any) -> None:
    """Do nothing: what closing a file means where none is open."""


@dataclass(kw_only=True)
class Source:
    """One table of cells by features.

    Attributes
    ----------
    path
        The file or folder.
    format
        ``"h5ad"``, ``"zarr"``, ``"h5mu"``, ``"10x_h5"`` or ``"10x_mtx"``.
    part
        Name of the modality inside a file that keeps them apart, else empty.
    obs
        The cells, indexed by name.
    var
        The features of ``X`` and of the layers.
    raw_var
        The features of ``raw``, if there is one.
    matrices
        ``"X"``, ``"layers/NAME"``, ``"raw/X"``: arrays (cells, features) that can be sliced, on disk or in memory.
    obsm
        Arrays (cells, ...) that go with the cells.
    uns
        Whatever else the file tells.
    missing_chunks
        Arrays of a zarr folder, other than those that are checked, with the number of chunks that are not there.
    verify
        Called with the name of a matrix before it is used: raises if parts of it are missing.
    close
        Closes the file.
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
        """File and part, for messages."""
        return f"{self.path}, modality {self.part!r}" if self.part else str(self.path)

    def features(self, matrix: str) -> pd.DataFrame:
        """The features of one of the matrices."""
        return self.raw_var if matrix == "raw/X" and self.raw_var is not None else self.var
