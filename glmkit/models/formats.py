"""How a model is written on disk: tables of `transformers` names for our configurations and weights.

A masked Transformer is written as ESM-2 (``EsmForMaskedLM``), a causal one as GPT-NeoX (``GPTNeoXForCausalLM`` without the
parallel residual and with all of a head rotated). An LSTM has no counterpart in `transformers` and keeps our own names.
What our configuration does not have, a saved one must not have either: a value that would change the numbers is refused.
"""

from dataclasses import asdict, fields
from typing import Any

import torch

from glmkit.errors import BadInput
from glmkit.models.language_model import Config
from glmkit.models.recurrent import LSTMConfig
from glmkit.models.transformer import NORM_EPSILON, ROTARY_BASE, TransformerConfig

LSTM_TYPE = "glmkit_lstm"
SIZES = {
    "vocabulary_size": "vocab_size",
    "width": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "feedforward": "intermediate_size",
    "tie_embeddings": "tie_word_embeddings",
}
# What is the same in every model that is written here; another value means another network.
ESM_FIXED: dict[str, Any] = {
    "hidden_act": "gelu",
    "attention_probs_dropout_prob": 0.0,
    "layer_norm_eps": NORM_EPSILON,
    "rope_theta": ROTARY_BASE,
    "position_embedding_type": "rotary",
    "emb_layer_norm_before": False,
    "token_dropout": False,
    "is_folding_model": False,
    "is_decoder": False,
    "add_cross_attention": False,
}
NEOX_FIXED: dict[str, Any] = {
    "hidden_act": "gelu",
    "attention_dropout": 0.0,
    "layer_norm_eps": NORM_EPSILON,
    "rotary_emb_base": ROTARY_BASE,
    "rotary_pct": 1.0,
    "use_parallel_residual": False,
    "attention_bias": True,
}
MAXIMUM_POSITIONS = 4096  # transformers wants a number; rotary positions have no table that would end there

ESM_TOP = {
    "network.embedding.": "esm.embeddings.word_embeddings.",
    "network.norm.": "esm.encoder.emb_layer_norm_after.",
    "head.dense.": "lm_head.dense.",
    "head.norm.": "lm_head.layer_norm.",
    "head.decoder.": "lm_head.decoder.",
    "head.bias": "lm_head.bias",
}
ESM_LAYER = {
    "attention_norm.": "attention.LayerNorm.",
    "out.": "attention.output.dense.",
    "feedforward_norm.": "LayerNorm.",
    "up.": "intermediate.dense.",
    "down.": "output.dense.",
}
NEOX_TOP = {
    "network.embedding.": "gpt_neox.embed_in.",
    "network.norm.": "gpt_neox.final_layer_norm.",
    "head.decoder.": "lm_head.",
}
NEOX_LAYER = {
    "attention_norm.": "input_layernorm.",
    "qkv.": "attention.query_key_value.",
    "out.": "attention.dense.",
    "feedforward_norm.": "post_attention_layernorm.",
    "up.": "mlp.dense_h_to_4h.",
    "down.": "mlp.dense_4h_to_h.",
}


def config_to_disk(config: Config, tokenizer: Any, classifier: bool = False) -> dict[str, Any]:
    """The content of ``config.json`` for a model.

    Parameters
    ----------
    config
        The network's shape.
    tokenizer
        Gives the special ids.
    classifier
        Whether a pooled head stands on the network instead of a language-model head.

    Returns
    -------
    dict
        Plain JSON values.
    """
    if isinstance(config, LSTMConfig):
        return {"model_type": LSTM_TYPE, **asdict(config)}
    head = ("GPTNeoXModel" if config.causal else "EsmModel") if classifier else None
    common = {disk: getattr(config, ours) for ours, disk in SIZES.items()} | {
        "max_position_embeddings": MAXIMUM_POSITIONS,
        "bos_token_id": tokenizer.bos_id,
        "eos_token_id": tokenizer.eos_id,
        "pad_token_id": tokenizer.pad_id,
        "initializer_range": 0.02,
        "dtype": "float32",
    }
    if config.causal:
        names = {"architectures": [head or "GPTNeoXForCausalLM"], "model_type": "gpt_neox"}
        return names | common | NEOX_FIXED | {"hidden_dropout": config.dropout}
    names = {"architectures": [head or "EsmForMaskedLM"], "model_type": "esm"}
    return names | common | ESM_FIXED | {"hidden_dropout_prob": config.dropout, "mask_token_id": tokenizer.mask_id}


def config_from_disk(value: dict[str, Any], where: str) -> Config:
    """Read what `config_to_disk` wrote.

    Parameters
    ----------
    value
        The parsed ``config.json``.
    where
        Its path, for messages.

    Returns
    -------
    TransformerConfig or LSTMConfig
        The network's shape.

    Raises
    ------
    BadInput
        The file asks for code of its own (``auto_map``), is of an unknown kind, lacks a value, or has one that changes the network.
    """
    if "auto_map" in value:
        raise BadInput(
            f"{where} has 'auto_map': the model wants to run Python code that came with it, which glmkit never does. "
            "Use a model of a known architecture."
        )
    kind = value.get("model_type")
    if kind == LSTM_TYPE:
        return LSTMConfig(**{field.name: _get(value, field.name, where) for field in fields(LSTMConfig)})
    if kind not in {"esm", "gpt_neox"}:
        raise BadInput(
            f"{where} has model_type {kind!r}; expected 'esm', 'gpt_neox' or {LSTM_TYPE!r}, as glmkit.models.save writes."
        )
    causal = kind == "gpt_neox"
    for name, expected in (NEOX_FIXED if causal else ESM_FIXED).items():
        if (got := _get(value, name, where)) != expected:
            raise BadInput(f"{where} has {name} = {got!r}, where this network has {expected!r}: it would compute something else.")
    sizes = {ours: _get(value, disk, where) for ours, disk in SIZES.items()}
    dropout = _get(value, "hidden_dropout" if causal else "hidden_dropout_prob", where)
    return TransformerConfig(**sizes, causal=causal, dropout=dropout)


def _get(value: dict[str, Any], name: str, where: str) -> Any:
    if name not in value:
        raise BadInput(f"{where} lacks {name!r}. Was it written by glmkit.models.save?")
    return value[name]


def weights_to_disk(state: dict[str, torch.Tensor], config: Config) -> dict[str, torch.Tensor]:
    """Our weights under the names, and in the layout, of the format.

    Parameters
    ----------
    state
        Tensors by our names (``network.…``, ``head.…``, ``classifier.…``).
    config
        The network's shape.

    Returns
    -------
    dict
        Contiguous CPU tensors.
    """
    out: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        if isinstance(config, TransformerConfig) and ".qkv." in name:
            out |= _qkv_to_disk(name, tensor, config)
        else:
            out[_rename(name, config, False)] = tensor
    return {name: tensor.detach().cpu().contiguous() for name, tensor in out.items()}


def weights_from_disk(state: dict[str, torch.Tensor], config: Config) -> dict[str, torch.Tensor]:
    """The inverse of `weights_to_disk`.

    Parameters
    ----------
    state
        Tensors by the format's names.
    config
        The network's shape.

    Returns
    -------
    dict
        Tensors by our names; those with unknown names keep theirs.
    """
    if isinstance(config, LSTMConfig):
        return dict(state)
    out: dict[str, torch.Tensor] = {}
    parts: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in state.items():
        if not config.causal and ".attention.self." in name:
            layer, rest = name.removeprefix("esm.encoder.layer.").split(".attention.self.")
            which, leaf = rest.split(".")
            parts.setdefault(f"network.layers.{layer}.qkv.{leaf}", {})[which] = tensor
            continue
        ours = _rename(name, config, True)
        out[ours] = _turn_heads(tensor, config, back=True) if ".qkv." in ours else tensor
    for name, three in parts.items():
        if set(three) == {"query", "key", "value"}:
            out[name] = torch.cat([three["query"], three["key"], three["value"]])
    return out


def _qkv_to_disk(name: str, tensor: torch.Tensor, config: TransformerConfig) -> dict[str, torch.Tensor]:
    if config.causal:
        return {_rename(name, config, False): _turn_heads(tensor, config, back=False)}
    layer, leaf = name.removeprefix("network.layers.").split(".qkv.")
    prefix = f"esm.encoder.layer.{layer}.attention.self"
    return {f"{prefix}.{which}.{leaf}": part for which, part in zip(("query", "key", "value"), tensor.chunk(3), strict=True)}


def _turn_heads(tensor: torch.Tensor, config: TransformerConfig, back: bool) -> torch.Tensor:
    """Rows of a fused query-key-value weight: ours go (3, heads, head width), GPT-NeoX's (heads, 3, head width)."""
    if tensor.shape[0] != 3 * config.width:
        return tensor  # the shape check names it
    axes = (config.heads, 3) if back else (3, config.heads)
    rest = tensor.shape[1:]
    return tensor.view(*axes, config.width // config.heads, *rest).transpose(0, 1).reshape(tensor.shape)


def _rename(name: str, config: Config, back: bool) -> str:
    if isinstance(config, LSTMConfig):
        return name
    top, layer = (NEOX_TOP, NEOX_LAYER) if config.causal else (ESM_TOP, ESM_LAYER)
    ours, theirs = "network.layers.", "gpt_neox.layers." if config.causal else "esm.encoder.layer."
    if back:
        top, layer = ({disk: mine for mine, disk in table.items()} for table in (top, layer))
        ours, theirs = theirs, ours
    if name.startswith(ours):
        number, rest = name.removeprefix(ours).split(".", 1)
        for old, new in layer.items():
            if rest.startswith(old):
                return f"{theirs}{number}.{new}{rest.removeprefix(old)}"
    for old, new in top.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name
