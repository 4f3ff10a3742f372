"""Version of the format in which glmkit saves models.

Version 1 is the only one so far. A change that older code cannot read increments `FORMAT`. It also adds a function to `CONVERT` that
converts the parsed ``config.json`` of the previous version.
"""

from collections.abc import Callable
from typing import Any

from glmkit.errors import BadInput

FORMAT = 1
CONVERT: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}  # converter to the next version, by version


def check_version(version: Any, where: str) -> int:
    """Check that this glmkit reads the version of a saved folder.

    Parameters
    ----------
    version
        Entry ``format`` of the folder's ``manifest.json``.
    where
        Path of the folder, for messages.

    Returns
    -------
    int
        Version, from 1 to `FORMAT`.

    Raises
    ------
    BadInput
        The version is later than `FORMAT`, or is not a positive integer.
    """
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise BadInput(f"{where} is in format version {version!r}, which no glmkit has written. Copy the whole folder again.")
    if version > FORMAT:
        raise BadInput(
            f"{where} is in format version {version}; this glmkit reads versions up to {FORMAT}. Install a later glmkit."
        )
    return version


def convert(config: dict[str, Any], version: int) -> dict[str, Any]:
    """Convert the parsed ``config.json`` of an older version to the present one.

    Parameters
    ----------
    config
        Parsed ``config.json``.
    version
        Version of the folder, from `check_version`.

    Returns
    -------
    dict
        Converted configuration; `config` itself for the present version.
    """
    for step in range(version, FORMAT):
        config = CONVERT[step](config)
    return config
