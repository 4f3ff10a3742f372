"""GPT-NeoX (Black et al. 2022, arXiv:2204.06745) without parallel residual, with full rotary width: glmkit's causal models."""

from typing import Any

from glmkit.models.families.family import ACTIVATIONS, Family, activation_of, refuse
from glmkit.models.networks.transformer_config import ROTARY_BASE, TransformerConfig

MAXIMUM_POSITIONS = 4096  # required by transformers; rotary positions have no table of this size
FIXED: dict[str, Any] = {
    "use_parallel_residual": False,
    "rotary_pct": 1.0,
    "rotary_emb_base": ROTARY_BASE,
    "attention_bias": True,
}
TOP = {
    "network.embedding.": "gpt_neox.embed_in.",
    "network.norm.": "gpt_neox.final_layer_norm.",
    "head.decoder.": "lm_head.",
}
BLOCK = {
    "attention_norm.": "input_layernorm.",
    "mixer.qkv.": "attention.query_key_value.",
    "mixer.out.": "attention.dense.",
    "feedforward_norm.": "post_attention_layernorm.",
    "up.": "mlp.dense_h_to_4h.",
    "down.": "mlp.dense_4h_to_h.",
}


def _holds(config: TransformerConfig) -> bool:
    shape = (config.norm, config.norm_kind, config.positions, config.biases) == ("pre", "layer", "rotary", "all")
    plain = (
        config.token_dropout is None and set(config.mixing) == {"global"} and not config.segments and not config.embedding_norm
    )
    return shape and plain and config.causal and config.activation in ACTIVATIONS


def _read(value: dict[str, Any], where: str) -> dict[str, Any]:
    rope = value.get("rope_parameters") or {}
    base = rope.get("rope_theta", value.get("rotary_emb_base"))
    share = rope.get("partial_rotary_factor", value.get("rotary_pct", 0.25))
    parallel = value.get("use_parallel_residual", True)
    refuse(value | {"rotary_emb_base": base, "rotary_pct": share, "use_parallel_residual": parallel}, where, FIXED)
    return {
        "causal": True,
        "norm_epsilon": value.get("layer_norm_eps", 1e-5),
        "activation": activation_of(value, where),
        "dropout": value.get("hidden_dropout", 0.0),
    }


def _write(config: TransformerConfig, tokenizer: Any) -> dict[str, Any]:
    return FIXED | {
        "hidden_act": ACTIVATIONS[config.activation],
        "attention_dropout": 0.0,
        "hidden_dropout": config.dropout,
        "layer_norm_eps": config.norm_epsilon,
        "max_position_embeddings": MAXIMUM_POSITIONS,
    }


GPT_NEOX = Family(
    name="gpt_neox",
    model_type="gpt_neox",
    head="GPTNeoXForCausalLM",
    body="GPTNeoXModel",
    holds=_holds,
    read=_read,
    write=_write,
    layers="gpt_neox.layers.",
    top=TOP,
    block=BLOCK,
    fused=True,
    aliases=((r"^embed_out\.", "lm_head."),),
    tied=False,
    ignored=r".*\.(inv_freq|attention\.bias|masked_bias)",
)
