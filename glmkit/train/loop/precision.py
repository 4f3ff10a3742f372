"""Choice of the floating-point precision, float32 or bf16."""

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import torch

from glmkit.models import Transformer

if TYPE_CHECKING:
    from glmkit.models import Model


def choose_precision(asked: str, model: "Model", device: torch.device) -> str:
    """The precision to use, with ``auto`` resolved to the faster one on the device.

    bf16 halves memory traffic and uses faster units for matrix products if the hardware has them (tensor cores; AVX-512 BF16 or
    AMX on a CPU). Weights, optimiser and loss stay in float32 (autocast). Recurrent networks are not faster in bf16 on a CPU.

    Parameters
    ----------
    asked
        ``auto``, ``float32`` or ``bf16``.
    model
        Model with a ``network``.
    device
        Device of the run.

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
    """Context of a forward pass in a given precision.

    Parameters
    ----------
    precision
        ``float32`` or ``bf16``.
    device
        Device of the model.

    Returns
    -------
    context manager
        Autocast for bf16; no effect for float32.
    """
    return torch.autocast(device.type, dtype=torch.bfloat16) if precision == "bf16" else nullcontext()
