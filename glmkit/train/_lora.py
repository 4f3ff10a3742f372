"""Low-rank adaptation (LoRA): fine-tuning of small additional matrices in a frozen network.

LoRA (Hu et al. 2021, arXiv:2106.09685) adds ``alpha / rank * B @ A`` to the weight of chosen linear layers and trains only A, B
and the head. `peft` adds the adapters in place, so a model keeps its class. Adapters are saved in the format of `peft`, at a few
percent of the model's size. They can be merged into the weights, which removes their computational cost.
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

PREFIX = "base_model.model."  # prefix of peft for names of the network's tensors
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
    """Freeze a model's network and add trainable adapters to its linear layers; the head stays trainable.

    B is initialised with zeros, so the model's outputs do not change. In a new process, call this again with the same arguments
    before `fit` resumes from a checkpoint.

    Parameters
    ----------
    model
        A LanguageModel or a head on a Transformer; changed in place.
    rank
        Rank of the update, 1 or more.
    alpha
        Scale of the update, which is multiplied by ``alpha / rank``; above 0.
    targets
        Names of linear layers in each block: ``qkv``, ``out``, ``up``, ``down``.
    dropout
        Dropout probability of the input of A during training, in [0, 1).
    seed
        Random seed of the initial A; the global random state of torch is not changed.

    Returns
    -------
    int
        Number of trainable parameters, in adapters and head.

    Raises
    ------
    BadInput
        Rank, alpha or dropout out of range, a target that is no linear layer of the blocks, or a model with adapters.

    Examples
    --------
    >>> from glmkit.models import TransformerConfig, new_classifier, new_model
    >>> from glmkit.tokens import make_tokenizer
    >>> from glmkit.train import lora
    >>> config = TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2, feedforward=8)
    >>> classifier = new_classifier(new_model(config, make_tokenizer("base")), classes=("background", "promoter"))
    >>> total = sum(parameter.numel() for parameter in classifier.parameters())
    >>> lora(classifier, rank=2) < total
    True
    >>> classifier.adapter["rank"]
    2
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
    """Add the adapters to the weights of their layers and remove them; the model's outputs do not change.

    Parameters
    ----------
    model
        Model with adapters; changed in place, and all parameters become trainable.

    Raises
    ------
    BadInput
        A model without adapters, or merged weights that are not finite.

    Examples
    --------
    >>> from glmkit.models import TransformerConfig, new_classifier, new_model
    >>> from glmkit.tokens import make_tokenizer
    >>> from glmkit.train import lora, merge_adapters
    >>> config = TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2, feedforward=8)
    >>> classifier = new_classifier(new_model(config, make_tokenizer("base")), classes=("background", "promoter"))
    >>> before = [name for name, _ in classifier.named_parameters()]
    >>> _ = lora(classifier, rank=2)
    >>> merge_adapters(classifier)
    >>> [name for name, _ in classifier.named_parameters()] == before
    True
    """
    _need(model)
    for parent in list(model.network.modules()):
        for name, part in list(parent.named_children()):
            if hasattr(part, "lora_A"):
                try:
                    part.merge(safe_merge=True)
                except ValueError as error:
                    raise BadInput(
                        f"The adapters of {name!r} contain NaN or infinity ({error}). Return to an earlier checkpoint."
                    ) from error
                setattr(parent, name, part.get_base_layer())
    model.adapter = None
    model.requires_grad_(True)


def save_adapters(model: Any, folder: str | Path) -> Path:
    """Save adapters and head separately from the network.

    ``adapter_model.safetensors`` and ``adapter_config.json`` have the format of `peft`; ``head.safetensors`` holds the head.

    Parameters
    ----------
    model
        Model with adapters.
    folder
        Folder to create; an existing one is replaced when the new one is complete.

    Returns
    -------
    pathlib.Path
        Path of the folder.

    Raises
    ------
    BadInput
        A model without adapters.
    ResourceError
        A full disk or one that cannot be written.
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
    """Load saved adapters and their head into the model that they were trained on.

    Parameters
    ----------
    model
        Model with the network weights and kind of head that `lora` was applied to; changed in place.
    folder
        Folder written by `save_adapters`.

    Raises
    ------
    BadInput
        Another network, or tensors of other names or shapes.
    """
    place = Path(folder)
    config = read_json(place / "adapter_config.json")
    base, found = config.get("base_model_name_or_path"), weights_hash(model.network)
    if base != found:
        raise BadInput(
            f"{place} was trained on a network with weights {str(base)[:12]}, but this one has {found[:12]}. "
            "Load the model that it was trained on."
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
        raise BadInput("The model has no adapters. Add them with glmkit.train.lora.")


def _parts(model: Any) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Adapter tensors by their names in peft, and tensors of the head by their names in glmkit."""
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    adapters = {
        PREFIX + name.removeprefix("network.").replace(f".{NAME}.", "."): value
        for name, value in state.items()
        if ".lora_" in name
    }
    return adapters, {name: value for name, value in state.items() if not name.startswith(("network.", "contact_head."))}


def _inner(name: str) -> str:
    """Name in glmkit of a tensor named by peft."""
    if not name.startswith(PREFIX):
        return name
    return "network." + name.removeprefix(PREFIX).replace(".lora_A.", f".lora_A.{NAME}.").replace(".lora_B.", f".lora_B.{NAME}.")
