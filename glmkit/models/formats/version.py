"""The version of the format in which glmkit saves models.

Version 1 is the only one so far. A change that older code cannot read raises `FORMAT` and adds to `CONVERT` the function that turns the
parsed ``config.json`` of the version before into the new one.
"""

from collections.abc import Callable
from typing import Any

from glmkit.errors import BadInput

FORMAT = 1
CONVERT: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}  # version to the converter that leads to the next


def check_version(version: Any, where: str) -> int:
    """The version of a saved folder, if this glmkit reads it.

    Parameters
    ----------
    version
        Entry ``format`` of the folder's ``manifest.json``.
    where
        Path of the folder, for messages.

    Returns
    -------
    int
        At least 1, at most `FORMAT`.

    Raises
    ------
    BadInput
        The version is later than `FORMAT`, or is no version.
    """
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise BadInput(f"{where} is in format version {version!r}, which no glmkit has written. Copy the whole folder again.")
    if version > FORMAT:
        raise BadInput(
            f"{where} is in format version {version}; this glmkit reads versions up to {FORMAT}. Install a later glmkit."
        )
    return version


def convert(config: dict[str, Any], version: int) -> dict[str, Any]:
    """The parsed ``config.json`` of an older version in the form of the present one.

    Parameters
    ----------
    config
        As read.
    version
        From `check_version`.

    Returns
    -------
    dict
        `config` itself for the present version.
    """
    for step in range(version, FORMAT):
        config = CONVERT[step](config)
    return config
