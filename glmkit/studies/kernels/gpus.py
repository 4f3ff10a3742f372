"""Which GPUs this machine has, each by the name that CUDA knows it by; asked of ``nvidia-smi``, never of torch.

A GPU is named by its UUID and not by its number, because numbers depend on ``CUDA_DEVICE_ORDER`` and on what a batch system
has hidden. A GPU that is cut into slices (MIG) is listed as its slices, since nothing can compute on the whole of it. What
``CUDA_VISIBLE_DEVICES`` hides from this process is not listed: under Slurm a job sees what it was given and no more.
"""

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

_SECONDS = 15.0  # nvidia-smi wakes a sleeping driver, which takes a while
_WHOLE = re.compile(r"^GPU (\d+): (.*) \(UUID: (GPU-[^)]+)\)")
_SLICE = re.compile(r"^\s+MIG (\S+)\s+Device\s+(\d+): \(UUID: (MIG-[^)]+)\)")


@dataclass(frozen=True, kw_only=True)
class Gpu:  # numpydoc ignore=PR02
    """One GPU, or one slice (MIG) of one.

    Parameters
    ----------
    index
        Its number in ``nvidia-smi``, from 0; a slice has that of its GPU.
    slice
        Its number among the slices of its GPU, from 0; None for a whole GPU.
    name
        What it is, such as ``NVIDIA H100 80GB HBM3`` or ``NVIDIA H100 80GB HBM3, slice 1g.10gb``.
    uuid
        What ``CUDA_VISIBLE_DEVICES`` is set to, so that a process sees this device only.
    """

    index: int
    slice: int | None = None
    name: str
    uuid: str

    @property
    def label(self) -> str:
        """``0``, or ``0-mig1`` for a slice: short, and fit for a file name."""
        return str(self.index) if self.slice is None else f"{self.index}-mig{self.slice}"

    def __str__(self) -> str:
        """As a sentence names it."""
        return f"GPU {self.label} ({self.name})"


def list_gpus() -> list[Gpu]:
    """The GPUs and slices that this process may use, in the order of ``nvidia-smi``; none without an NVIDIA driver.

    ``GLMKIT_FAKE_GPUS=2`` makes believe that there are two; it is honoured only in tests (``GLMKIT_TESTING=1``).
    """
    if os.environ.get("GLMKIT_TESTING") == "1" and (number := os.environ.get("GLMKIT_FAKE_GPUS")):
        found = [Gpu(index=i, name="simulated", uuid=f"GPU-5eed0000-0000-0000-0000-{i:012}") for i in range(int(number))]
    else:
        found = parse_list(ask("-L"))
    return visible(found, os.environ.get("CUDA_VISIBLE_DEVICES"))


def ask(*words: str) -> str:
    """What ``nvidia-smi`` says when called with `words`; nothing if it is absent, fails or hangs."""
    try:
        return subprocess.run(["nvidia-smi", *words], capture_output=True, text=True, timeout=_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def parse_list(text: str) -> list[Gpu]:
    """The devices in the output of ``nvidia-smi -L``."""
    found: list[Gpu] = []
    for line in text.splitlines():
        if match := _WHOLE.match(line):
            found.append(Gpu(index=int(match[1]), name=match[2], uuid=match[3]))
        elif (match := _SLICE.match(line)) and found:
            whole = found[-1]
            if whole.slice is None:
                found.pop()
            name = whole.name.split(", slice ")[0]
            found.append(Gpu(index=whole.index, slice=int(match[2]), name=f"{name}, slice {match[1]}", uuid=match[3]))
    return found


def visible(found: Sequence[Gpu], setting: str | None) -> list[Gpu]:
    """Those of `found` that a value of ``CUDA_VISIBLE_DEVICES`` leaves to see, in the order it names them.

    Parameters
    ----------
    found
        All devices of the machine.
    setting
        Numbers or beginnings of UUIDs, separated by commas; what follows one that names no device is hidden, as CUDA has it.
        None hides nothing, the empty string everything.
    """
    if setting is None:
        return list(found)
    seen: list[Gpu] = []
    for word in (part.strip() for part in setting.split(",")):
        named = [gpu for gpu in found if (word == str(gpu.index) if word.isdecimal() else word and gpu.uuid.startswith(word))]
        if not named:
            break
        seen += [gpu for gpu in named if gpu not in seen]
    return seen
