"""Reading and writing of weights as safetensors: the file must match its header exactly, and every number must be finite.

A pickle can run any code when it is opened, so none is opened. It is recognised by its first bytes, whatever its name.
Format: https://github.com/huggingface/safetensors (8 bytes of header length, JSON header, tensors without gaps).
"""

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from glmkit.errors import BadInput

LARGEST_HEADER = 100_000_000  # bytes; limit of the format
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def write_weights(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write tensors to a file.

    Parameters
    ----------
    path
        Path of the file. Writing is not atomic: callers write into a temporary folder and rename it.
    tensors
        Contiguous tensors by name, without shared memory.
    """
    save_file(tensors, path, metadata={"format": "pt"})


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read tensors after checking the file against its header.

    Parameters
    ----------
    path
        Path of a safetensors file.

    Returns
    -------
    dict
        CPU tensors by name.

    Raises
    ------
    BadInput
        The file is missing, a pickle or truncated, has trailing bytes or a damaged header, or contains NaN or infinity.
    """
    check_layout(path)
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise BadInput(f"{path} is not a valid safetensors file ({error}). Copy or train it again.") from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            bad = int((~torch.isfinite(tensor)).sum())
            raise BadInput(
                f"{path}: {bad} of {tensor.numel()} values of {name!r} are NaN or infinite, so every output would be NaN. "
                "Go back to a checkpoint from before the training diverged."
            )
    return tensors


def check_layout(path: Path) -> None:
    """Check length, header and offsets of a safetensors file without reading its tensors.

    Parameters
    ----------
    path
        Path of the file.

    Raises
    ------
    BadInput
        The file is missing, a pickle or truncated, has trailing bytes, or its header is damaged.
    """
    if not path.is_file():
        pickles = sorted(other.name for other in path.parent.glob("*") if other.suffix in PICKLES)
        if pickles:
            raise BadInput(
                f"{path.parent} has {pickles[0]} but no {path.name}: a pickle can run any code when it is opened, so glmkit "
                "does not. Ask its author for safetensors, or convert it where you trust it."
            )
        raise BadInput(f"{path} does not exist. Expected a folder that glmkit.models.save wrote.")
    size = path.stat().st_size
    with open(path, "rb") as file:
        head, brace = file.read(8), file.read(1)
        if brace != b"{" and (head[:2] == b"PK" or head[:1] == b"\x80"):  # the length of a header may begin with the same bytes
            raise BadInput(
                f"{path} is a pickle under another name: it can run any code when it is opened, so glmkit does not open it. "
                "Ask its author for real safetensors."
            )
        length = int.from_bytes(head, "little")
        if len(head) < 8 or length > LARGEST_HEADER or length < 2:
            raise BadInput(
                f"{path}: its header has a stated length of {length:,} bytes in a file of {size:,}. It is damaged or no safetensors file."
            )
        if 8 + length > size:
            raise BadInput(f"{path} is cut: its header alone takes {8 + length:,} bytes, the file has {size:,}. Copy it again.")
        text = brace + file.read(length - 1)
    try:
        header = json.loads(text)
        ends = [int(entry["data_offsets"][1]) for name, entry in header.items() if name != "__metadata__"]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise BadInput(f"{path}: its header is not that of a safetensors file ({error}). Copy or train it again.") from error
    expected = 8 + length + max(ends, default=0)
    if size < expected:
        raise BadInput(f"{path} is cut: expected {expected:,} bytes, got {size:,}. Copy it again.")
    if size > expected:
        raise BadInput(f"{path} has {size - expected:,} bytes after its last tensor, expected none. Copy it again.")


def weights_hash(module: torch.nn.Module) -> str:
    """SHA-256 over a module's parameters and buffers: names, types, shapes and bits.

    Parameters
    ----------
    module
        Module whose weights are hashed.

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits.

    Examples
    --------
    >>> import torch
    >>> from glmkit.models import weights_hash
    >>> layer = torch.nn.Linear(3, 2)
    >>> before = weights_hash(layer)
    >>> torch.nn.init.zeros_(layer.weight).shape
    torch.Size([2, 3])
    >>> len(before), weights_hash(layer) == before
    (64, False)
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        array = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {array.dtype} {tuple(array.shape)}\n".encode())
        digest.update(array.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
