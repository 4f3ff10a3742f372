"""Where a model runs and in which numbers, by the words that parameters use."""

import torch

from glmkit.errors import BadInput

DTYPES = {"auto": torch.float32, "float32": torch.float32, "bf16": torch.bfloat16}


def choose_device(device: str) -> torch.device:
    """The device that a name stands for.

    Parameters
    ----------
    device
        ``auto``, ``cpu`` or ``cuda`` (or ``cuda:N``).

    Returns
    -------
    torch.device
        ``auto`` is a GPU where there is one.

    Raises
    ------
    BadInput
        An unknown name, or a GPU where there is none.
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
    """The type of number that a name stands for.

    Parameters
    ----------
    name
        ``auto`` or ``float32``, or ``bf16``.

    Returns
    -------
    torch.dtype
        ``auto`` is float32.

    Raises
    ------
    BadInput
        An unknown name.
    """
    if name not in DTYPES:
        raise BadInput(f"dtype must be one of {', '.join(DTYPES)}, got {name!r}.")
    return DTYPES[name]
