"""GPUs of this machine, identified by UUID; listed with ``nvidia-smi``, without torch.

UUIDs are used because device numbers depend on ``CUDA_DEVICE_ORDER`` and on the devices hidden by a batch system. A GPU divided
into MIG slices is listed as its slices, because no program can compute on the whole GPU. Devices hidden from this process by
``CUDA_VISIBLE_DEVICES`` are not listed. A Slurm job therefore lists only the devices allocated to it.
"""

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

_SECONDS = 15.0  # nvidia-smi may have to initialise the driver first
_WHOLE = re.compile(r"^GPU (\d+): (.*) \(UUID: (GPU-[^)]+)\)")
_SLICE = re.compile(r"^\s+MIG (\S+)\s+Device\s+(\d+): \(UUID: (MIG-[^)]+)\)")


@dataclass(frozen=True, kw_only=True)
class Gpu:  # numpydoc ignore=PR02
    """One GPU, or one MIG slice of a GPU.

    Parameters
    ----------
    index
        Number of the GPU in ``nvidia-smi``, from 0.
    slice
        Number of the slice on its GPU, from 0; None for a whole GPU.
    name
        Product name, such as ``NVIDIA H100 80GB HBM3`` or ``NVIDIA H100 80GB HBM3, slice 1g.10gb``.
    uuid
        UUID of the device, used as the value of ``CUDA_VISIBLE_DEVICES``.
    """

    index: int
    slice: int | None = None
    name: str
    uuid: str

    @property
    def label(self) -> str:
        """Short name, valid in a file name: ``0``, or ``0-mig1`` for a slice."""
        return str(self.index) if self.slice is None else f"{self.index}-mig{self.slice}"

    def __str__(self) -> str:
        """Label and product name, as used in messages."""
        return f"GPU {self.label} ({self.name})"


def list_gpus() -> list[Gpu]:
    """The GPUs and slices that this process may use, in the order of ``nvidia-smi``; none without an NVIDIA driver.

    In tests (``GLMKIT_TESTING=1``), ``GLMKIT_FAKE_GPUS=2`` simulates two GPUs.
    """
    if os.environ.get("GLMKIT_TESTING") == "1" and (number := os.environ.get("GLMKIT_FAKE_GPUS")):
        found = [Gpu(index=i, name="simulated", uuid=f"GPU-5eed0000-0000-0000-0000-{i:012}") for i in range(int(number))]
    else:
        found = parse_list(nvidia_smi("-L"))
    return visible(found, os.environ.get("CUDA_VISIBLE_DEVICES"))


def nvidia_smi(*words: str) -> str:
    """Output of ``nvidia-smi`` with the arguments `words`; empty if the program is absent, fails or exceeds 15 s."""
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
    """The devices left visible by a value of ``CUDA_VISIBLE_DEVICES``, in the order of that value.

    Parameters
    ----------
    found
        All devices of the machine.
    setting
        Numbers or beginnings of UUIDs, separated by commas. As in CUDA, an invalid entry hides all entries after it. None hides
        no device, the empty string all devices.

    Returns
    -------
    list of Gpu
        Visible devices.
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
