"""Devices and number types of a model, by the names that parameters accept."""

import torch

from glmkit.errors import BadInput

DTYPES = {"auto": torch.float32, "float32": torch.float32, "bf16": torch.bfloat16}


def choose_device(device: str) -> torch.device:
    """Select a device by name.

    Parameters
    ----------
    device
        ``auto``, ``cpu`` or ``cuda`` (or ``cuda:N``).

    Returns
    -------
    torch.device
        Device; for ``auto`` a GPU if there is one, else the CPU.

    Raises
    ------
    BadInput
        The name is unknown, or the machine has no such GPU.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name, _, number = device.partition(":")
    if name not in {"cpu", "cuda"} or (number and not number.isdigit()):
        raise BadInput(f"device must be 'auto', 'cpu' or 'cuda', got {device!r}.")
    if name == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise BadInput(f"device={device!r}, but this machine has {torch.cuda.device_count()} CUDA devices. Use 'auto' or 'cpu'.")
    return torch.device(device)


def choose_dtype(name: str) -> torch.dtype:
    """Select a floating-point type by name.

    Parameters
    ----------
    name
        ``auto`` or ``float32``, or ``bf16``.

    Returns
    -------
    torch.dtype
        Type; ``auto`` is float32.

    Raises
    ------
    BadInput
        The name is unknown.
    """
    if name not in DTYPES:
        raise BadInput(f"dtype must be one of {', '.join(DTYPES)}, got {name!r}.")
    return DTYPES[name]
