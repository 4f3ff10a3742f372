"""A figure that was written to a file, as the last value of a notebook's cell: it shows itself, at the size it was drawn for."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Picture:  # numpydoc ignore=PR02
    """A PNG on disk.

    Parameters
    ----------
    path
        The file.
    inches
        The width it was drawn for; a notebook shows it at 96 pixels an inch, however fine it is.
    """

    path: Path
    inches: float

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        return self.path.read_bytes(), {"width": round(96 * self.inches)}
