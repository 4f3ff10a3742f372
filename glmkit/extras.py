"""Packages of the optional extra ``cells``: imported when asked for, with an error that names the extra where they are absent."""

import importlib
from types import ModuleType

from glmkit.errors import ResourceError


def need(module: str, package: str) -> ModuleType:
    """Import a module of the extra ``cells``.

    Parameters
    ----------
    module
        To import.
    package
        That holds it, for the message.

    Returns
    -------
    module
        Imported.

    Raises
    ------
    ResourceError
        It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ResourceError(
            f"{package} is not installed, and this needs it ({error}). Run: pip install 'glmkit[cells]'"
        ) from error
