"""What goes to a search or alignment program as a file, and what it was to leave behind."""

from collections.abc import Sequence
from pathlib import Path

from glmkit.errors import ResourceError
from glmkit.files import disk_errors


def write_numbered(path: Path, sequences: Sequence[str]) -> None:
    """Write FASTA with item numbers for ids: what stands in a header is data and never reaches a program.

    Parameters
    ----------
    path
        The file.
    sequences
        In order.
    """
    with disk_errors(path):
        path.write_text("".join(f">{i}\n{s.upper()}\n" for i, s in enumerate(sequences)), encoding="ascii")


def result_file(folder: str, name: str, program: str) -> Path:
    """The file that a program was to write.

    Parameters
    ----------
    folder, name
        Where, and what it is called.
    program
        Who was to write it.

    Returns
    -------
    pathlib.Path
        Its path.

    Raises
    ------
    ResourceError
        It is not there, though the program ended without a word.
    """
    path = Path(folder, name)
    if not path.is_file():
        raise ResourceError(
            f"{program} ended well but wrote no result ({name}). Is the disk full, or is it another program of that name?"
        )
    return path
