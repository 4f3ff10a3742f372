"""Masked and causal language models that run through `transformers`, with the methods of glmkit's own models.

The families in `glmkit.models.families` run in glmkit's packed network. Others (DistilBERT, ELECTRA, ModernBERT, GPT-2, ...) run in
`transformers`. Sequences of similar length are padded to one length with an attention mask. The padding is removed from the result, so
that callers receive packed tokens. The cost is computation on padding and a head that runs at every position; the card records it.

In some networks (FNet, convolutions) padding changes the result. When a model is opened, its logits for a short sequence are computed
with and without padding. If they differ, only sequences of equal length share a batch.
"""

from pathlib import Path
from typing import Any

import torch

from glmkit.errors import BadInput
from glmkit.models.adapter.network import AdapterConfig, TransformersModel, TransformersNetwork
from glmkit.models.adapter.tokenizer import tokenizer_of
from glmkit.models.families.registry import refuse_code
from glmkit.models.formats.devices import choose_device, choose_dtype
from glmkit.models.formats.open_folder import published_card, weight_files
from glmkit.models.formats.safetensors_file import check_layout
from glmkit.models.formats.source import Source, detect

LEAK = 1e-3  # largest accepted difference of logits due to padding, relative to their standard deviation
SHIFTED = {"camembert", "data2vec-text", "ibert", "longformer", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"}


def open_with_transformers(
    source: str | Path | Source, device: str = "auto", dtype: str = "auto", *, tokenizer: Any = None
) -> TransformersModel:
    """Open a published masked or causal language model of a family that the packed network does not implement.

    Parameters
    ----------
    source
        Folder with ``config.json``, safetensors, and a vocabulary or ``tokenizer.json``; or its `Source` from `detect`.
    device
        ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``.
    dtype
        ``auto`` or ``float32``, or ``bf16``.
    tokenizer
        Tokenizer of the network's ids; None reads it from the folder.

    Returns
    -------
    TransformersModel
        In evaluation mode. Its card has ``runs: through transformers, slower``.

    Raises
    ------
    BadInput
        The model requires code of its own (``auto_map``), or its kind is missing from `transformers` or is no language model. Its
        weights are missing, damaged, NaN or inconsistent with its configuration, or its vocabulary does not fit.
    """
    place, number = choose_device(device), choose_dtype(dtype)
    found = source if isinstance(source, Source) else detect(source)
    folder = found.folder
    kind, causal = _auto_class(found)
    files = weight_files(folder)
    for path in files:
        check_layout(path)
    model = _fill(kind, folder)
    if tokenizer is None:
        tokenizer = tokenizer_of(folder)
    config = _shape(model, causal)
    if len(tokenizer.vocabulary) > config.vocabulary_size:
        raise BadInput(
            f"{folder}: its tokenizer has {len(tokenizer.vocabulary)} entries, its network {config.vocabulary_size}. The two are "
            "from different models; copy the folder again."
        )
    network = TransformersNetwork(model, config, tokenizer.pad_id).eval()
    network.padding = not _padding_leaks(network)
    card = published_card(folder, files, tokenizer) | {
        "architecture": type(model).__name__,
        "family": config.family,
        "objective": "causal" if causal else "masked",
        "runs": "through transformers, slower" + ("" if network.padding else "; only equal lengths together, padding leaks"),
    }
    return TransformersModel(network, tokenizer, card).to(place, number).eval()


def _auto_class(source: Source) -> tuple[Any, bool]:
    """Class of `transformers` that opens a configuration, and whether the model is causal."""
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES as MASKED

    disk, where = source.config, source.where
    refuse_code(disk, where)
    kind, named = str(disk.get("model_type")), (disk.get("architectures") or [""])[0]
    if disk.get("is_encoder_decoder") or (kind not in CAUSAL and kind not in MASKED):
        raise BadInput(
            f"{where} has model_type {kind!r}, which is no masked or causal language model that the installed transformers has. "
            "A later transformers may have it."
        )
    causal = kind not in MASKED or (kind in CAUSAL and named == CAUSAL[kind])
    if named != (CAUSAL if causal else MASKED)[kind] and not named.endswith("ForPreTraining"):
        raise BadInput(
            f"{where} names the architecture {named!r}, which has no language-model head: its logits would come from random "
            "weights. Use the pretrained checkpoint, not one fine-tuned for another task."
        )
    return (AutoModelForCausalLM if causal else AutoModelForMaskedLM), causal


def _fill(kind: Any, folder: Path) -> Any:
    """Model with its weights, all present and finite."""
    try:
        model, loading = kind.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except (ValueError, RuntimeError, OSError, KeyError, ImportError) as error:
        raise BadInput(f"{folder}: transformers cannot open it ({str(error).strip().splitlines()[0]}).") from error
    if missing := sorted(loading["missing_keys"]):
        raise BadInput(
            f"{folder}: its weights lack {len(missing)} tensors, the first {missing[0]!r}; they would be random. Copy the folder "
            "again, or use the pretrained checkpoint."
        )
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise BadInput(f"{folder}: {name!r} contains NaN or infinity, so every output would be NaN. Fetch the model again.")
    return model


def _shape(model: Any, causal: bool) -> AdapterConfig:
    """Shape of a model, read from the configuration of its family."""
    config = model.config
    limit = getattr(config, "max_position_embeddings", None) or 0
    if limit and config.model_type in SHIFTED:
        limit -= (config.pad_token_id or 0) + 1
    return AdapterConfig(
        vocabulary_size=model.get_input_embeddings().num_embeddings,
        width=config.hidden_size,
        layers=config.num_hidden_layers,
        heads=getattr(config, "num_attention_heads", 1),
        causal=causal,
        maximum_positions=limit,
        family=config.model_type,
    )


def _padding_leaks(network: TransformersNetwork) -> bool:
    """Whether a short sequence's logits change when it is padded to a longer one."""
    short, long = torch.arange(5) % network.config.vocabulary_size, torch.arange(6) % network.config.vocabulary_size
    with torch.no_grad():
        alone = network.logits(short, torch.tensor([0, 5]))
        padded = network.logits(torch.cat([short, long]), torch.tensor([0, 5, 11]))[:5]
    return bool((alone - padded).abs().max() > LEAK * alone.std())
