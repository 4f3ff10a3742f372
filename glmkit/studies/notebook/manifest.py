"""The manifest of a stage: each file or folder that a later stage reads, with its role.

A notebook calls ``run.made(role, path, **attributes)`` for what it hands on, and the entries are kept in ``made.json`` in the
stage's folder. The next notebook finds a file by its role with ``run.input(folder)``. File names may therefore change without
a change to the notebook that reads them.

Paths in the manifest are relative to the stage's folder, so a folder may be copied or moved as a whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glmkit.errors import BadInput
from glmkit.files import inside, read_json, workspace, write_json
from glmkit.studies.notebook.inputs import notebooks_of, shown_path

MANIFEST = "made.json"
FORMAT = 1
Value = str | int | float | bool | None


@dataclass(frozen=True)
class MadeFile:  # numpydoc ignore=PR02
    """One entry of a manifest.

    Parameters
    ----------
    role
        Use of the file, such as ``model`` or ``split``.
    path
        Absolute path of the file or folder.
    attributes
        Further description by name, such as ``seed``; text, numbers, booleans or None.
    """

    role: str
    path: Path
    attributes: dict[str, Value] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Value:
        """Attribute `name`."""
        return self.attributes[name]


class Manifest:
    """The manifest of a stage while the stage runs.

    A manifest left by an interrupted run with the same parameters and inputs is continued; any other is started anew.

    Parameters
    ----------
    folder
        The stage's folder.
    fingerprint
        SHA-256 of parameters and inputs.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder
        self._fingerprint = fingerprint
        found = read_json(folder / MANIFEST) if (folder / MANIFEST).is_file() else {}
        resumed = isinstance(found, dict) and found.get("fingerprint") == fingerprint and found.get("complete") is False
        self._entries: list[dict[str, Any]] = found["made"] if resumed and found.get("format") == FORMAT else []
        self._write(complete=False)

    def add(self, role: str, path: str | Path, attributes: dict[str, Value]) -> None:
        """Add an entry, in place of an older one of the same role and path.

        Raises
        ------
        BadInput
            The file is missing or lies outside the stage's folder, the role is empty, or an attribute is no plain value.
        """
        place = inside(self.folder, path)
        if not role.isidentifier():
            raise BadInput(f"{role!r} cannot be a role. Use letters, digits and '_', such as 'model'.")
        if not place.exists():
            raise BadInput(f"made({role!r}): {shown_path(place)} does not exist. Write it before it is added to the manifest.")
        for name, value in attributes.items():
            if value is not None and type(value) not in (str, int, float, bool):
                kind = type(value).__name__
                raise BadInput(f"made({role!r}, {name}={value!r}): expected text, a number, a boolean or None, got {kind}.")
        relative = place.relative_to(self.folder.resolve()).as_posix()
        entry = {"role": role, "path": relative, "attributes": attributes}
        self._entries = [old for old in self._entries if (old["role"], old["path"]) != (role, relative)] + [entry]
        self._write(complete=False)

    def finish(self) -> None:
        """Mark the manifest as complete."""
        self._write(complete=True)

    def _write(self, complete: bool) -> None:
        content = {"format": FORMAT, "fingerprint": self._fingerprint, "complete": complete, "made": self._entries}
        write_json(self.folder / MANIFEST, content)


class StageFiles:
    """Files that a stage has made, by role; made by :func:`stage_files`.

    Parameters
    ----------
    folder
        The stage's folder.
    entries
        Entries of its manifest.
    """

    def __init__(self, folder: Path, entries: Sequence[MadeFile]) -> None:
        self.folder = folder
        self.entries = tuple(entries)

    def one(self, role: str, **attributes: Value) -> Path:
        """Path of the only file with this role and these attributes.

        Parameters
        ----------
        role
            Role of the file.
        **attributes
            Values that the entry must have.

        Returns
        -------
        Path
            Absolute path.

        Raises
        ------
        BadInput
            No entry fits, or more than one, or the file is missing.
        """
        found = self.all(role, **attributes)
        if len(found) == 1:
            return found[0].path
        wanted = _described(role, attributes)
        if not found:
            raise BadInput(f"{shown_path(self.folder)} has no {wanted}. It has {self._summary()}. {_run_again(self.folder)}")
        names = ", ".join(_described(entry.role, entry.attributes) for entry in found[:6])
        raise BadInput(f"{shown_path(self.folder)} has {len(found)} entries for {wanted}: {names}. Give further attributes.")

    def all(self, role: str, **attributes: Value) -> list[MadeFile]:
        """Entries with this role and these attributes, in the order in which they were made; possibly none.

        Parameters
        ----------
        role
            Role of the files.
        **attributes
            Values that an entry must have.

        Returns
        -------
        list of MadeFile
            The entries.

        Raises
        ------
        BadInput
            A file of the manifest is missing.
        """
        fits = [entry for entry in self.entries if entry.role == role and attributes.items() <= entry.attributes.items()]
        for entry in fits:
            if not entry.path.exists():
                raise BadInput(f"{shown_path(entry.path)} is in {MANIFEST} but does not exist. {_run_again(self.folder)}")
        return fits

    def values(self, attribute: str, role: str, **attributes: Value) -> list[Any]:
        """Values of an attribute over the entries of a role, each once, sorted.

        Parameters
        ----------
        attribute
            Name of the attribute.
        role
            Role of the files.
        **attributes
            Values that an entry must have.

        Returns
        -------
        list
            The values.

        Raises
        ------
        BadInput
            No entry of this role has the attribute.
        """
        found = {entry[attribute] for entry in self.all(role, **attributes) if attribute in entry.attributes}
        if not found:
            wanted = f"{_described(role, attributes)} with the attribute {attribute!r}"
            raise BadInput(f"{shown_path(self.folder)} has no {wanted}. It has {self._summary()}. {_run_again(self.folder)}")
        return sorted(found, key=lambda value: (type(value).__name__, value))

    def _summary(self) -> str:
        counts: dict[str, int] = {}
        for entry in self.entries:
            counts[entry.role] = counts.get(entry.role, 0) + 1
        return ", ".join(f"{role} ({count})" for role, count in counts.items()) or "no files"


def stage_files(folder: str | Path) -> StageFiles:
    """Files that a stage has made, from its manifest.

    Parameters
    ----------
    folder
        The stage's folder, relative to the workspace.

    Returns
    -------
    StageFiles
        The entries of ``made.json``.

    Raises
    ------
    BadInput
        The folder has no manifest, or one of a later format.

    Examples
    --------
    >>> import os, tempfile
    >>> from unittest.mock import patch
    >>> with tempfile.TemporaryDirectory() as home, patch.dict(os.environ, {"GLMKIT_WORKSPACE": home}):
    ...     manifest = Manifest(Path(home) / "finetune", fingerprint="")
    ...     for seed in (0, 1):
    ...         _ = (Path(home) / f"finetune/model{seed}").write_text("weights")
    ...         manifest.add("model", f"model{seed}", {"network": "scratch", "seed": seed})
    ...     files = stage_files("finetune")
    ...     print(files.values("seed", role="model"), files.one("model", seed=1).name)
    [0, 1] model1
    """
    place = inside(workspace(), folder)
    path = place / MANIFEST
    if not path.is_file():
        raise BadInput(f"{shown_path(place)} has no {MANIFEST}, the list of the files it made. {_run_again(place)}")
    content = read_json(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise BadInput(f"{shown_path(path)} is not a manifest of format {FORMAT}. {_run_again(place)}")
    made = [MadeFile(entry["role"], inside(place, entry["path"]), entry["attributes"]) for entry in content["made"]]
    return StageFiles(place, made)


def _described(role: str, attributes: dict[str, Value]) -> str:
    words = ", ".join(f"{name}={value!r}" for name, value in attributes.items())
    return f"{role!r} ({words})" if words else repr(role)


def _run_again(folder: Path) -> str:
    return f"Run {notebooks_of(folder)} again, or point the parameter at another stage."
