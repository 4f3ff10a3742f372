"""Accelerators of this machine, found without torch: by device files, or by ``nvidia-smi`` if there are none."""

import re
import subprocess
from functools import cache
from pathlib import Path


@cache
def cuda_count() -> int:
    """Number of visible CUDA or ROCm devices."""
    numbered = [path for path in Path("/dev").glob("nvidia[0-9]*") if path.name[6:].isdigit()]
    if numbered:
        return len(numbered)
    if Path("/dev/kfd").exists():
        return max(1, len(list(Path("/dev/dri").glob("renderD*"))))
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=3, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return len(re.findall(r"^GPU \d+", listed, re.MULTILINE))


def missing(device: str) -> str:
    """Reason why `device` cannot be used on this machine; empty if it can."""
    match = re.fullmatch(r"(auto|cpu|mps|cuda)(?::(\d+))?", device)
    if not match:
        return "a device is 'auto', 'cpu', 'mps', 'cuda' or 'cuda:N'"
    if match[1] != "cuda":
        return ""
    count, index = cuda_count(), int(match[2] or 0)
    if count == 0:
        return "this machine has no CUDA device"
    return "" if index < count else f"this machine has {count} CUDA device{'s' if count > 1 else ''}, counted from 0"
