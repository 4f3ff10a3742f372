"""Low-rank adaptation: a frozen network learns through small matrices beside its own.

LoRA (Hu et al. 2021, arXiv:2106.09685) adds ``alpha / rank * B @ A`` to the weight of chosen linear layers and trains only A and
B, and the head. `peft` does it in place, so a model keeps its class; the adapters are saved in the format that `peft` reads,
a few percent of the model's size, and can be merged into the weights, after which nothing costs more than before.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from glmkit.errors import BadInput
from glmkit.files import atomic_folder, read_json, write_json
from glmkit.models import weights_hash
from glmkit.models.formats import read_weights, write_weights
from glmkit.train.freezing import trainable_count

PREFIX = "base_model.model."  # what peft puts before the names of the network
NAME = "default"


def lora(
    model: Any,
    rank: int = 8,
    alpha: float = 16.0,
    targets: Sequence[str] = ("qkv", "out"),
    *,
    dropout: float = 0.0,
    seed: int = 0,
) -> int:
    """Freeze a model's network and put trainable adapters beside its linear layers; the head stays trainable.

    B starts at zero, so the model computes what it did before. Call it again in a new process, with the same values, before
    `fit` goes on from a checkpoint.

    Parameters
    ----------
    model
        A LanguageModel or a head on a Transformer; changed in place.
    rank
        Rows of A.
    alpha
        The update is scaled by ``alpha / rank``.
    targets
        Names of linear layers in each block: ``qkv``, ``out``, ``up``, ``down``.
    dropout
        Probability on what enters A while training.
    seed
        Of A's first values; torch's global random state is left as it was.

    Returns
    -------
    int
        Trainable numbers: adapters and head.

    Raises
    ------
    BadInput
        Rank, alpha or dropout is out of range, a target is no linear layer of the blocks, or there are adapters already.
    """
    from peft import LoraConfig, inject_adapter_in_model

    if getattr(model, "adapter", None):
        raise BadInput("The model has adapters already. Merge them with glmkit.train.merge_adapters first.")
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1 or not alpha > 0 or not 0 <= dropout < 1:
        raise BadInput(f"LoRA needs rank >= 1, alpha > 0 and dropout in [0, 1), got {rank!r}, {alpha!r}, {dropout!r}.")
    inside = [(name, part) for block in model.network.layers for name, part in block.named_modules()]
    linear = list(dict.fromkeys(name.rpartition(".")[2] for name, part in inside if isinstance(part, nn.Linear)))
    unknown = [name for name in targets if name not in linear]
    if unknown or not targets:
        raise BadInput(
            f"{unknown[0] if unknown else 'No target'!r} is no linear layer of the blocks; choose among {', '.join(linear)}."
        )
    base = weights_hash(model.network)
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(targets), lora_dropout=dropout, bias="none")  # type: ignore[arg-type]
    training = model.training
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, model.network, adapter_name=NAME)
    model.to(model.device).train(training)
    model.adapter = {"rank": rank, "alpha": alpha, "targets": list(targets), "dropout": dropout, "seed": seed, "base": base}
    model.requires_grad_(True)
    for name, parameter in model.network.named_parameters():
        parameter.requires_grad_("lora_" in name)
    return trainable_count(model)


def merge_adapters(model: Any) -> None:
    """Add the adapters to the weights beside them and take them out; the model computes the same.

    Parameters
    ----------
    model
        Changed in place; everything in it is trainable again.

    Raises
    ------
    BadInput
        There are no adapters, or merging would give weights that are not finite.
    """
    _need(model)
    for parent in list(model.network.modules()):
        for name, part in list(parent.named_children()):
            if hasattr(part, "lora_A"):
                try:
                    part.merge(safe_merge=True)
                except ValueError as error:
                    raise BadInput(
                        f"The adapters of {name!r} hold NaN or infinity ({error}). Go back to a checkpoint."
                    ) from error
                setattr(parent, name, part.get_base_layer())
    model.adapter = None
    model.requires_grad_(True)


def save_adapters(model: Any, folder: str | Path) -> Path:
    """Write adapters and head apart from the network they belong to.

    ``adapter_model.safetensors`` and ``adapter_config.json`` are those of `peft`; ``head.safetensors`` is the head.

    Parameters
    ----------
    model
        With adapters.
    folder
        To be made; an older one is replaced once the new one is complete.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    BadInput
        There are no adapters.
    ResourceError
        The disk is full or cannot be written.
    """
    _need(model)
    config = model.network.peft_config[NAME].to_dict()
    plain = {name: sorted(value) if isinstance(value, set) else value for name, value in config.items()}
    adapters, head = _parts(model)
    with atomic_folder(folder) as temporary:
        write_weights(temporary / "adapter_model.safetensors", adapters)
        write_json(temporary / "adapter_config.json", plain | {"base_model_name_or_path": model.adapter["base"]})
        write_weights(temporary / "head.safetensors", head)
    return Path(folder)


def load_adapters(model: Any, folder: str | Path) -> None:
    """Put saved adapters and their head on the model they were trained on.

    Parameters
    ----------
    model
        Like the one that `lora` was given: the same network weights, the same kind of head.
    folder
        From `save_adapters`.

    Raises
    ------
    BadInput
        The network is another one, or the tensors do not fit.
    """
    place = Path(folder)
    config = read_json(place / "adapter_config.json")
    base, found = config.get("base_model_name_or_path"), weights_hash(model.network)
    if base != found:
        raise BadInput(
            f"{place} was trained on a network with weights {str(base)[:12]}, this one has {found[:12]}. Load the model it was trained on."
        )
    adapters = read_weights(place / "adapter_model.safetensors")
    tensors = {_inner(name): value for name, value in adapters.items()} | read_weights(place / "head.safetensors")
    lora(model, config["r"], config["lora_alpha"], config["target_modules"], dropout=config["lora_dropout"])
    state = model.state_dict()
    wrong = [name for name, value in tensors.items() if name not in state or state[name].shape != value.shape]
    wrong += [name for part in _parts(model) for name in map(_inner, part) if name not in tensors]
    if wrong:
        raise BadInput(f"{place} does not fit this model: {wrong[0]!r} is missing or of another shape.")
    model.load_state_dict(tensors, strict=False)


def _need(model: Any) -> None:
    if not getattr(model, "adapter", None):
        raise BadInput("The model has no adapters; glmkit.train.lora puts them in.")


def _parts(model: Any) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Adapters under peft's names, and what stands on the network under ours."""
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    adapters = {
        PREFIX + name.removeprefix("network.").replace(f".{NAME}.", "."): value
        for name, value in state.items()
        if ".lora_" in name
    }
    return adapters, {name: value for name, value in state.items() if not name.startswith(("network.", "contact_head."))}


def _inner(name: str) -> str:
    """Our name of a tensor that peft named."""
    if not name.startswith(PREFIX):
        return name
    return "network." + name.removeprefix(PREFIX).replace(".lora_A.", f".lora_A.{NAME}.").replace(".lora_B.", f".lora_B.{NAME}.")
