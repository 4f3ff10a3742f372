"""Lazy imports of the optional extra ``cells``; the error of a missing package names the extra."""

import importlib
from types import ModuleType

from glmkit.errors import ResourceError


def need(module: str, package: str) -> ModuleType:
    """Import a module of the extra ``cells``.

    Parameters
    ----------
    module
        Import name of the module.
    package
        Name of the package that contains it, for the error message.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    ResourceError
        The package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ResourceError(
            f"{package} is required here but not installed ({error}). Run: pip install 'glmkit[cells]'"
        ) from error
