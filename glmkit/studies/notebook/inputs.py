"""Checks of what a stage reads and writes: finished inputs, hashes of data, and a folder that no other process writes."""

import re
from pathlib import Path
from typing import Any

from glmkit.errors import BadInput
from glmkit.files import inside, sha256, workspace
from glmkit.studies.files import record

_HASH = re.compile(r"[0-9a-fA-F]{32,128}")


def finished_input(item: str | Path) -> dict[str, Any]:
    """Folder, fingerprint and data hashes of a finished stage; an error names the notebook to run first."""
    folder = inside(workspace(), item)
    found = record.read(folder)
    status = record.status_of(found)
    if status == "FINISHED":
        return {"folder": shown_path(folder), "fingerprint": found.get("fingerprint"), "data": found.get("data") or {}}
    state = f"status {status} in its run.json" if found else "it has no run.json"
    raise BadInput(
        f"{item} is not a finished stage ({state}). Run {notebooks_of(folder)} first, or point the parameter at a finished stage."
    )


def notebooks_of(folder: Path) -> str:
    """Names of the notebooks that may have written a stage's folder, for an error message."""
    notebooks = sorted((workspace() / "notebooks").rglob(f"*{folder.name}.ipynb"))
    return ", ".join(shown_path(path) for path in notebooks[:3]) or f"the notebook that writes it ({folder.name})"


def refuse_if_busy(folder: Path) -> None:
    """Refuse a folder that another process writes: two kernels would mix their results."""
    found = record.read(folder)
    here = record.process()
    if record.status_of(found) == "RUNNING" and found.get("host") == here["host"] and found.get("pid") != here["pid"]:
        raise BadInput(
            f"{shown_path(folder)} is being written by pid {found.get('pid')} on {here['host']}. "
            "Wait for it, stop it, or give another out."
        )


def data_entry(name: str, source: str | Path) -> dict[str, Any]:
    """SHA-256 and path of a file or folder, or a hash that was computed before.

    Raises
    ------
    BadInput
        `source` is none of them.
    """
    path = workspace() / source
    if path.is_file():
        return {"sha256": sha256(path), "path": shown_path(path), "bytes": path.stat().st_size}
    if path.is_dir():
        return {"sha256": record.fingerprint(_hashes(path)), "path": shown_path(path)}
    if _HASH.fullmatch(str(source)):
        return {"sha256": str(source).lower()}
    raise BadInput(f"data({name!r}): {str(source)!r} is neither a file or folder below {workspace()} nor a hash (hex digits).")


def _hashes(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(folder)): sha256(path) for path in files}


def shown_path(path: Path) -> str:
    """`path` relative to the workspace where it lies in it."""
    full = path.resolve()
    return str(full.relative_to(workspace())) if workspace() in full.parents else str(full)
