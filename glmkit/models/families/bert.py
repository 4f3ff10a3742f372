"""BERT and RoBERTa: post-norm, learned positions, segments.

BERT: Devlin et al. 2019, arXiv:1810.04805; Geneformer (Theodoris et al. 2023, doi:10.1038/s41586-023-06139-9) and AntiBERTy
(Ruffolo et al. 2021, arXiv:2112.07782) belong to this family. RoBERTa: Liu et al. 2019, arXiv:1907.11692; Sapiens (Prihoda et al.
2022, doi:10.1080/19420862.2021.2020203) belongs to it. The two families differ in the first row of the position table and in names.

In `transformers` the segment of a token is given by ``token_type_ids``. Here it follows from the token's id, if ``config.json`` has
``segment_starts``; this key is specific to glmkit, and `transformers` keeps it without using it. Published models have no such key: all
their tokens belong to segment 0, which is also the default in `transformers`.
"""

from typing import Any

from glmkit.models.families.family import ACTIVATIONS, Family, activation_of, refuse
from glmkit.models.networks.transformer_config import TransformerConfig

FIXED = {"position_embedding_type": "absolute", "is_decoder": False, "add_cross_attention": False}
BLOCK = {
    "attention_norm.": "attention.output.LayerNorm.",
    "mixer.out.": "attention.output.dense.",
    "feedforward_norm.": "output.LayerNorm.",
    "up.": "intermediate.dense.",
    "down.": "output.dense.",
}
HEADS = {
    "bert": {
        "head.dense.": "cls.predictions.transform.dense.",
        "head.norm.": "cls.predictions.transform.LayerNorm.",
        "head.decoder.": "cls.predictions.decoder.",
        "head.bias": "cls.predictions.bias",
    },
    "roberta": {
        "head.dense.": "lm_head.dense.",
        "head.norm.": "lm_head.layer_norm.",
        "head.decoder.": "lm_head.decoder.",
        "head.bias": "lm_head.bias",
    },
}


def _holds(config: TransformerConfig) -> bool:
    shape = (config.norm, config.norm_kind, config.positions, config.biases) == ("post", "layer", "learned", "all")
    plain = not config.causal and config.token_dropout is None and set(config.mixing) == {"global"}
    return shape and plain and config.embedding_norm and config.segments > 0 and config.activation in ACTIVATIONS


def _offset(value: dict[str, Any]) -> int:
    pad = value.get("pad_token_id")
    return (1 if pad is None else int(pad)) + 1


def _table(name: str) -> Family:
    """Table of BERT or RoBERTa; `name` is also the prefix of its weight names."""
    offset = _offset if name == "roberta" else (lambda value: 0)

    def read(value: dict[str, Any], where: str) -> dict[str, Any]:
        refuse(value, where, FIXED)
        return {
            "positions": "learned",
            "maximum_positions": value.get("max_position_embeddings", 512) - offset(value),
            "norm": "post",
            "norm_epsilon": value.get("layer_norm_eps", 1e-12),
            "activation": activation_of(value, where),
            "dropout": value.get("hidden_dropout_prob", 0.1),
            "embedding_norm": True,
            "segments": value.get("type_vocab_size", 2),
            "segment_starts": tuple(value.get("segment_starts", ())),
        }

    def write(config: TransformerConfig, tokenizer: Any) -> dict[str, Any]:
        starts = {"segment_starts": list(config.segment_starts)} if config.segment_starts else {}
        return (
            FIXED
            | starts
            | {
                "hidden_act": ACTIVATIONS[config.activation],
                "attention_probs_dropout_prob": 0.0,
                "hidden_dropout_prob": config.dropout,
                "layer_norm_eps": config.norm_epsilon,
                "max_position_embeddings": config.maximum_positions + offset({"pad_token_id": tokenizer.pad_id}),
                "type_vocab_size": config.segments,
            }
        )

    title = {"bert": "Bert", "roberta": "Roberta"}[name]
    embeddings = {
        "network.embedding.": f"{name}.embeddings.word_embeddings.",
        "network.positions.": f"{name}.embeddings.position_embeddings.",
        "network.segments.": f"{name}.embeddings.token_type_embeddings.",
        "network.embedding_norm.": f"{name}.embeddings.LayerNorm.",
    }
    return Family(
        name=name,
        model_type=name,
        head=f"{title}ForMaskedLM",
        body=f"{title}Model",
        holds=_holds,
        read=read,
        write=write,
        layers=f"{name}.encoder.layer.",
        top=embeddings | HEADS[name],
        block=BLOCK,
        offset=offset,
        ignored=r".*\.position_ids|.*\.token_type_ids|(bert|roberta)\.pooler\..*|cls\.seq_relationship\..*|.*\.decoder\.bias",
    )


BERT, ROBERTA = _table("bert"), _table("roberta")
