"""Checkpoints of a training run: a folder a step, whole or absent, newest and the ones before it.

``checkpoints/step-00000100/`` holds ``model.safetensors``, ``optimizer.safetensors``, ``rng.json``, ``state.json`` and
``manifest.json`` with the SHA-256 of each. It is written under a hidden name, flushed, renamed, and then committed by the
one line of ``checkpoints/LATEST``; only after that are old ones pruned, each renamed out of sight before it is deleted. So
a process killed at any moment leaves either the checkpoint before or the new one, and what else it leaves is swept at the
next start. A committed checkpoint that no longer fits its manifest is reported and set aside for the one before it.
"""

import json
import os
import re
import shutil
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import torch

from glmkit.errors import BadInput
from glmkit.files import atomic_path, disk_errors, fault_point, read_json, sha256, sync, write_text
from glmkit.models.formats import read_weights, write_weights

FORMAT = 1
PARTS = ("model.safetensors", "optimizer.safetensors", "rng.json", "state.json")
LATEST = "LATEST"
_NAME = re.compile(r"step-(\d{8,})")


class Snapshot(NamedTuple):
    """What a checkpoint holds.

    Attributes
    ----------
    path
        Its folder.
    model, optimizer
        Tensors by name.
    rng
        The record of the random streams; None if it is missing.
    state
        Everything else, as plain JSON values.
    """

    path: Path
    model: dict[str, torch.Tensor]
    optimizer: dict[str, torch.Tensor]
    rng: dict[str, Any] | None
    state: dict[str, Any]


class Checkpoints:
    """The checkpoints of one run.

    Parameters
    ----------
    folder
        The folder they lie in; made if missing. What a killed process left there under hidden names is removed.
    keep
        How many to keep.
    sweep
        False leaves the folder alone: for a process that only reads it.
    """

    def __init__(self, folder: Path, keep: int, sweep: bool = True) -> None:
        self.folder, self.keep = folder, keep
        if not sweep:
            return
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for leftover in (*folder.glob(".*.partial"), *folder.glob(".*.pruned")):
                _delete(leftover)

    def steps(self) -> list[int]:
        """Steps of the checkpoints under final names, ascending.

        Returns
        -------
        list of int
            Committed or not.
        """
        return sorted(int(match[1]) for path in self.folder.iterdir() if (match := _NAME.fullmatch(path.name)))

    def path(self, step: int) -> Path:
        """The folder of a step.

        Parameters
        ----------
        step
            The step.

        Returns
        -------
        pathlib.Path
            Whether it exists or not.
        """
        return self.folder / f"step-{step:08d}"

    def write(
        self,
        step: int,
        model: dict[str, torch.Tensor],
        optimizer: dict[str, torch.Tensor],
        rng: dict[str, Any],
        state: dict[str, Any],
    ) -> None:
        """Write, commit, prune.

        Parameters
        ----------
        step
            Steps done.
        model, optimizer
            Tensors by name.
        rng
            The record of the random streams.
        state
            Plain JSON values; its ``at.best`` is empty or what `write_best` returned.

        Raises
        ------
        ResourceError
            The disk is full or cannot be written; older checkpoints are untouched.
        """
        needed = sum(tensor.numel() * tensor.element_size() for tensor in (*model.values(), *optimizer.values()))
        temporary = self.folder / f".{self.path(step).name}.partial"
        with disk_errors(self.path(step), needed):
            _delete(temporary)
            temporary.mkdir()
            try:
                write_weights(temporary / PARTS[0], model)
                fault_point("checkpoint.write")
                write_weights(temporary / PARTS[1], optimizer)
                (temporary / PARTS[2]).write_text(json.dumps(rng), encoding="utf-8")
                (temporary / PARTS[3]).write_text(json.dumps(state, indent=1), encoding="utf-8")
                hashes = {name: sha256(temporary / name) for name in PARTS}
                (temporary / "manifest.json").write_text(json.dumps({"format": FORMAT, "sha256": hashes}), encoding="utf-8")
                fault_point("checkpoint.fsync")
                for path in (*temporary.iterdir(), temporary):
                    sync(path)
                fault_point("checkpoint.rename")
                _delete(self.path(step))
                os.rename(temporary, self.path(step))
                sync(self.folder)
            except BaseException:
                _delete(temporary)
                raise
            fault_point("checkpoint.commit")
            write_text(self.folder / LATEST, f"{self.path(step).name}\n")
            fault_point("checkpoint.prune")
            self._prune()

    def _prune(self) -> None:
        for old in self.steps()[: -self.keep]:
            _delete(self.path(old))
        wanted = {read_json(self.path(step) / PARTS[3])["at"]["best"].get("file") for step in self.steps()}
        for path in self.folder.glob("best-*.safetensors"):
            if path.name not in wanted:
                path.unlink()

    def write_best(self, step: int, model: dict[str, torch.Tensor]) -> dict[str, Any]:
        """Write the best weights so far; they stay as long as a kept checkpoint names them.

        Parameters
        ----------
        step
            Steps done.
        model
            Tensors by name.

        Returns
        -------
        dict
            ``file`` and ``sha256``, for the state's ``best``.
        """
        path = self._best(step)
        with atomic_path(path) as temporary:
            write_weights(temporary, model)
        return {"file": path.name, "sha256": sha256(path)}

    def read_best(self, step: int) -> dict[str, torch.Tensor]:
        """The weights that `write_best` wrote.

        Parameters
        ----------
        step
            Steps done then.

        Returns
        -------
        dict
            Tensors by name.
        """
        return read_weights(self._best(step))

    def _best(self, step: int) -> Path:
        return self.folder / f"best-{step:08d}.safetensors"

    def newest(self) -> Snapshot | None:
        """The newest committed checkpoint that is whole; damaged ones after it are named in a warning and set aside.

        Returns
        -------
        Snapshot or None
            None if there is none.
        """
        latest = self._committed()
        damaged: list[tuple[Path, str]] = []
        found: Snapshot | None = None
        for step in reversed(self.steps()):
            if latest is not None and step > latest:
                _delete(self.path(step))  # renamed, never committed: the run ends up there again
                continue
            try:
                found = read_snapshot(self.path(step))
                break
            except BadInput as error:
                damaged.append((self.path(step), str(error)))
        for path, why in damaged:
            instead = f"going on from {found.path.name}, the one before it" if found else "there is none before it: starting anew"
            warnings.warn(f"Checkpoint {path.name} is damaged: {why} Set aside as {path.name}.damaged; {instead}.", stacklevel=3)
            aside = path.with_name(f"{path.name}.damaged")
            _delete(aside)
            os.rename(path, aside)
        return found

    def _committed(self) -> int | None:
        """The step that LATEST names; None if it is missing or says nothing sensible, as then every whole one counts."""
        try:
            match = _NAME.fullmatch((self.folder / LATEST).read_text(encoding="utf-8").strip())
        except (FileNotFoundError, UnicodeDecodeError):
            match = None
        return int(match[1]) if match else None

    def clear(self) -> None:
        """Remove every checkpoint and best model."""
        (self.folder / LATEST).unlink(missing_ok=True)
        for path in (*map(self.path, self.steps()), *self.folder.glob("best-*.safetensors")):
            _delete(path)


def read_snapshot(path: Path) -> Snapshot:
    """Read a checkpoint and hold it against its manifest.

    Parameters
    ----------
    path
        Its folder.

    Returns
    -------
    Snapshot
        Its `rng` is None if that file, and only that, is missing.

    Raises
    ------
    BadInput
        A part is missing, cut or changed, or the format is of a later version.
    """
    manifest = read_json(path / "manifest.json")
    if manifest.get("format") != FORMAT:
        raise BadInput(f"{path} is in format version {manifest.get('format')!r}; this glmkit reads {FORMAT}.")
    for name in PARTS:
        if name == "rng.json" and not (path / name).exists():
            continue
        if not (path / name).is_file():
            raise BadInput(f"{name} is missing.")
        if sha256(path / name) != manifest["sha256"].get(name):
            raise BadInput(f"{name} is not what was written (its SHA-256 differs).")
    state = read_json(path / PARTS[3])
    if best := state["at"]["best"]:
        file = path.parent / best["file"]
        if not file.is_file() or sha256(file) != best["sha256"]:
            raise BadInput(f"{file.name}, the best weights it names, is missing or changed.")
    rng = read_json(path / "rng.json") if (path / "rng.json").exists() else None
    return Snapshot(path, read_weights(path / PARTS[0]), read_weights(path / PARTS[1]), rng, state)


def _delete(path: Path) -> None:
    """Delete a file or a folder; a folder under a final name is first renamed, so that no half of it is ever seen."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    if not path.name.startswith("."):
        hidden = path.with_name(f".{path.name}.pruned")
        shutil.rmtree(hidden, ignore_errors=True)
        os.rename(path, hidden)
        fault_point("checkpoint.pruning")
        path = hidden
    shutil.rmtree(path)
