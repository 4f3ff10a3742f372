"""Precision, float32 or bf16: whichever is faster here, said in the result."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from glmkit.models import Transformer


def choose_precision(asked: str, model: Any, device: torch.device) -> str:
    """Settle ``auto``.

    bf16 halves memory traffic and runs matrix products on wider units where the hardware has them (tensor cores; AVX-512 BF16 or
    AMX on a CPU). Weights, optimiser and loss stay float32 (autocast). A recurrent net gains nothing from it on a CPU.

    Parameters
    ----------
    asked
        ``auto``, ``float32`` or ``bf16``.
    model
        Has a ``network``.
    device
        Where it will run.

    Returns
    -------
    str
        ``float32`` or ``bf16``.
    """
    if asked != "auto":
        return asked
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16" if fast and isinstance(model.network, Transformer) else "float32"


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """The context that a forward pass runs in.

    Parameters
    ----------
    precision
        ``float32`` or ``bf16``.
    device
        Where the model is.

    Returns
    -------
    context manager
        Does nothing for float32.
    """
    return torch.autocast(device.type, dtype=torch.bfloat16) if precision == "bf16" else nullcontext()
