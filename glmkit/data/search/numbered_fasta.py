"""Input and output files of search and alignment programs."""

from collections.abc import Sequence
from pathlib import Path

from glmkit.errors import ResourceError
from glmkit.files import disk_errors


def write_numbered(path: Path, sequences: Sequence[str]) -> None:
    """Write FASTA with item numbers as ids, so that no text of a header reaches a program.

    Parameters
    ----------
    path
        File to write.
    sequences
        Sequences in the order of their numbers, from 0.
    """
    with disk_errors(path):
        path.write_text("".join(f">{i}\n{s.upper()}\n" for i, s in enumerate(sequences)), encoding="ascii")


def result_file(folder: str, name: str, program: str) -> Path:
    """The result file of a program.

    Parameters
    ----------
    folder, name
        Folder and name of the file.
    program
        Name of the program, for messages.

    Returns
    -------
    pathlib.Path
        Path of the file.

    Raises
    ------
    ResourceError
        The file is missing, although the program reported success.
    """
    path = Path(folder, name)
    if not path.is_file():
        raise ResourceError(
            f"{program} reported success but wrote no result ({name}). Is the disk full, or is it another program of that name?"
        )
    return path
