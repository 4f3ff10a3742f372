"""Display of tables, figures and sentences in a notebook."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Picture:  # numpydoc ignore=PR02
    """A PNG on disk, shown at the size for which it was drawn.

    Parameters
    ----------
    path
        The file.
    inches
        Width of the figure in inches; a notebook shows it at 96 pixels an inch, whatever its resolution.
    """

    path: Path
    inches: float

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        return self.path.read_bytes(), {"width": round(96 * self.inches)}


def show(content: Any, text: str = "") -> None:
    """Show an object and a line of text below it in the notebook; outside a notebook nothing is shown.

    Parameters
    ----------
    content
        A table or a :class:`Picture`; None for the text alone.
    text
        Caption or sentence; may be empty.
    """
    if not _in_notebook():
        return
    from IPython.display import display

    if content is not None:
        display(content)
    if text:
        print(text)


def _in_notebook() -> bool:
    """Whether this process is a Jupyter kernel; IPython is not imported to find out."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None
