"""ESM-2, ESM-1b and the Nucleotide Transformers: pre-norm, rotary or learned positions.

ESM-2: Lin et al. 2023, doi:10.1126/science.ade2574. ESM-1b: Rives et al. 2021, doi:10.1073/pnas.2016239118. Nucleotide Transformer:
Dalla-Torre et al. 2025, doi:10.1038/s41592-024-02523-z. The second version of the latter has SwiGLU without biases. It is published with
Python code, which is never run: the network in this package computes the same function.
"""

from dataclasses import replace
from typing import Any

from glmkit.models.families.family import Family, refuse
from glmkit.models.networks.transformer_config import NORM_EPSILON, ROTARY_BASE, TransformerConfig

MAXIMUM_POSITIONS = 4096  # required by transformers; rotary positions have no table of this size
FIXED: dict[str, Any] = {
    "hidden_act": "gelu",
    "rope_theta": ROTARY_BASE,
    "is_folding_model": False,
    "is_decoder": False,
    "add_cross_attention": False,
}
TOP = {
    "network.embedding.": "esm.embeddings.word_embeddings.",
    "network.positions.": "esm.embeddings.position_embeddings.",
    "network.embedding_norm.": "esm.embeddings.layer_norm.",
    "network.norm.": "esm.encoder.emb_layer_norm_after.",
    "contact_head.": "esm.contact_head.regression.",
    "head.dense.": "lm_head.dense.",
    "head.norm.": "lm_head.layer_norm.",
    "head.decoder.": "lm_head.decoder.",
    "head.bias": "lm_head.bias",
}
BLOCK = {
    "attention_norm.": "attention.LayerNorm.",
    "mixer.out.": "attention.output.dense.",
    "feedforward_norm.": "LayerNorm.",
    "up.": "intermediate.dense.",
    "down.": "output.dense.",
}


POSITIONS = {"absolute": "learned", "rotary": "rotary", "none": "none"}  # transformers ignores unknown names
FIRST, SECOND = ("gelu", "all"), ("swiglu", "attention")  # activation and biases of the two versions


def _shape(config: TransformerConfig) -> tuple[str, str] | None:
    """Activation and biases, if the rest of the shape belongs to this family; else None."""
    plain = (config.norm, config.norm_kind) == ("pre", "layer") and set(config.mixing) == {"global"} and not config.segments
    return (config.activation, config.biases) if plain and not config.causal else None


def _read(value: dict[str, Any], where: str) -> dict[str, Any]:
    rope = value.get("rope_parameters") or {}
    refuse(value | {"rope_theta": rope.get("rope_theta", value.get("rope_theta"))}, where, FIXED)
    second = value.get("add_bias_fnn") is False  # mark of the second Nucleotide Transformer
    positions = POSITIONS.get(str(value.get("position_embedding_type", "absolute")), "none")
    learned = positions == "learned"
    return {
        "positions": positions,
        "maximum_positions": value.get("max_position_embeddings", 1026) - _offset(value) if learned else 0,
        "embedding_norm": bool(value.get("emb_layer_norm_before")),
        "token_dropout": value.get("mask_token_id") if value.get("token_dropout") else None,
        "norm_epsilon": value.get("layer_norm_eps", 1e-12),
        "dropout": value.get("hidden_dropout_prob", 0.1),
        "activation": "swiglu" if second else "gelu",
        "biases": "attention" if second else "all",
    }


def _write(config: TransformerConfig, tokenizer: Any) -> dict[str, Any]:
    learned = config.positions == "learned"
    return {
        "hidden_act": "gelu",
        "attention_probs_dropout_prob": 0.0,
        "hidden_dropout_prob": config.dropout,
        "layer_norm_eps": config.norm_epsilon,
        "rope_theta": ROTARY_BASE,
        "position_embedding_type": next(name for name, kind in POSITIONS.items() if kind == config.positions),
        "max_position_embeddings": config.maximum_positions + tokenizer.pad_id + 1 if learned else MAXIMUM_POSITIONS,
        "emb_layer_norm_before": config.embedding_norm,
        "token_dropout": config.token_dropout is not None,
        "is_folding_model": False,
        "is_decoder": False,
        "add_cross_attention": False,
    } | ({"add_bias_fnn": False} if config.activation == "swiglu" else {})


def _offset(value: dict[str, Any]) -> int:
    pad = value.get("pad_token_id")
    return (1 if pad is None else int(pad)) + 1


ESM = Family(
    name="esm",
    model_type="esm",
    head="EsmForMaskedLM",
    body="EsmModel",
    holds=lambda config: _shape(config) == FIRST,
    read=_read,
    write=_write,
    layers="esm.encoder.layer.",
    top=TOP,
    block=BLOCK,
    offset=_offset,
    ignored=r".*\.(position_ids|inv_freq)|esm\.pooler\..*",
)
NUCLEOTIDE_TRANSFORMER_2 = replace(ESM, name="nucleotide_transformer_2", holds=lambda config: _shape(config) == SECOND)
SHAPES = {  # layers, width, heads of the published ESM-2 sizes; the feed-forward width is four times the width
    "8M": (6, 320, 20),
    "35M": (12, 480, 20),
    "150M": (30, 640, 20),
    "650M": (33, 1280, 20),
    "3B": (36, 2560, 40),
    "15B": (48, 5120, 40),
}


def esm2(size: str, vocabulary_size: int = 33, mask_id: int = 32) -> TransformerConfig:
    """Shape of a published ESM-2 model.

    Parameters
    ----------
    size
        Name of the size, a key of `SHAPES`: ``8M``, ``35M``, ``150M``, ``650M``, ``3B`` or ``15B`` parameters.
    vocabulary_size, mask_id
        Number of vocabulary entries and id of the mask token; the defaults are those of ``make_tokenizer("protein")``.

    Returns
    -------
    TransformerConfig
        Shape with token dropout.

    Examples
    --------
    >>> from glmkit.models.families import esm2
    >>> config = esm2("8M")
    >>> config.layers, config.width, config.heads, config.feedforward
    (6, 320, 20, 1280)
    """
    layers, width, heads = SHAPES[size]
    return TransformerConfig(
        vocabulary_size=vocabulary_size,
        width=width,
        layers=layers,
        heads=heads,
        feedforward=4 * width,
        norm_epsilon=NORM_EPSILON,
        token_dropout=mask_id,
        family="esm",
    )
