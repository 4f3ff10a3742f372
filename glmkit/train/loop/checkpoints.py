"""Checkpoints of a training run: one folder per step, written atomically, with a manifest of hashes.

``checkpoints/step-00000100/`` holds ``model.safetensors``, ``optimizer.safetensors``, ``rng.json``, ``state.json`` and
``manifest.json`` with the SHA-256 of each. It is written under a hidden name, flushed, renamed, and then committed by the single
line of ``checkpoints/LATEST``. Old checkpoints are pruned afterwards; each is renamed to a hidden name before deletion. A process
killed at any time thus leaves the previous or the new checkpoint, and its temporary files are removed at the next start. A
committed checkpoint that does not match its manifest is reported and renamed, and the previous one is used.
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
    """Contents of a checkpoint.

    Attributes
    ----------
    path
        Folder of the checkpoint.
    model, optimizer
        Tensors by name.
    rng
        Record of the random streams; None if it is missing.
    state
        All other data, as plain JSON values.
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
        Folder of the checkpoints, created if missing. Temporary files of killed processes are removed.
    keep
        Number of checkpoints to keep.
    sweep
        Whether to create and clean the folder; False for a process that only reads it.
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
        """Steps of the checkpoints with final names, in ascending order.

        Returns
        -------
        list of int
            Steps, committed or not.
        """
        return sorted(int(match[1]) for path in self.folder.iterdir() if (match := _NAME.fullmatch(path.name)))

    def path(self, step: int) -> Path:
        """Folder of the checkpoint at a step.

        Parameters
        ----------
        step
            Number of steps done.

        Returns
        -------
        pathlib.Path
            Path, which need not exist.
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
        """Write and commit a checkpoint, and prune old ones.

        Parameters
        ----------
        step
            Number of steps done.
        model, optimizer
            Tensors by name.
        rng
            Record of the random streams.
        state
            Plain JSON values; ``at.best`` is empty or the value returned by `write_best`.

        Raises
        ------
        ResourceError
            A full disk or one that cannot be written; older checkpoints are not changed.
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
        """Write the best weights so far; they are kept as long as a checkpoint refers to them.

        Parameters
        ----------
        step
            Number of steps done.
        model
            Tensors by name.

        Returns
        -------
        dict
            Values ``file`` and ``sha256`` for the ``best`` of a state.
        """
        path = self._best(step)
        with atomic_path(path) as temporary:
            write_weights(temporary, model)
        return {"file": path.name, "sha256": sha256(path)}

    def read_best(self, step: int) -> dict[str, torch.Tensor]:
        """Weights written by `write_best`.

        Parameters
        ----------
        step
            Number of steps done when they were written.

        Returns
        -------
        dict
            Tensors by name.
        """
        return read_weights(self._best(step))

    def _best(self, step: int) -> Path:
        return self.folder / f"best-{step:08d}.safetensors"

    def newest(self) -> Snapshot | None:
        """The newest committed checkpoint that is intact; later damaged ones are renamed with a warning.

        Returns
        -------
        Snapshot or None
            None without a valid checkpoint.
        """
        latest = self._committed()
        damaged: list[tuple[Path, str]] = []
        found: Snapshot | None = None
        for step in reversed(self.steps()):
            if latest is not None and step > latest:
                _delete(self.path(step))  # renamed but not committed; the resumed run repeats these steps
                continue
            try:
                found = read_snapshot(self.path(step))
                break
            except BadInput as error:
                damaged.append((self.path(step), str(error)))
        for path, why in damaged:
            instead = f"resuming from the previous one, {found.path.name}" if found else "there is no previous one: starting anew"
            warnings.warn(f"Checkpoint {path.name} is damaged: {why} Renamed to {path.name}.damaged; {instead}.", stacklevel=3)
            aside = path.with_name(f"{path.name}.damaged")
            _delete(aside)
            os.rename(path, aside)
        return found

    def _committed(self) -> int | None:
        """Step in the file LATEST; None if that is missing or invalid, in which case every intact checkpoint is valid."""
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
    """Read a checkpoint and verify it against its manifest.

    Parameters
    ----------
    path
        Folder of the checkpoint.

    Returns
    -------
    Snapshot
        Contents; `rng` is None if only that file is missing.

    Raises
    ------
    BadInput
        A missing, truncated or changed part, or another version of the format.
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
            raise BadInput(f"{name} has changed since it was written (its SHA-256 differs).")
    state = read_json(path / PARTS[3])
    if best := state["at"]["best"]:
        file = path.parent / best["file"]
        if not file.is_file() or sha256(file) != best["sha256"]:
            raise BadInput(f"{file.name}, the file of the best weights, is missing or has changed.")
    rng = read_json(path / "rng.json") if (path / "rng.json").exists() else None
    return Snapshot(path, read_weights(path / PARTS[0]), read_weights(path / PARTS[1]), rng, state)


def _delete(path: Path) -> None:
    """Delete a file or a folder; a folder with a final name is renamed first, so that it never appears incomplete."""
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
