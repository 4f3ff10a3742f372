"""fairseq's RoBERTa written out from its paper and options, straight on a checkpoint's tensors: the yardstick of the conversion."""

import argparse

import torch
import torch.nn.functional as F


def fairseq_logits(model: dict[str, torch.Tensor], options: argparse.Namespace, tokens: torch.Tensor) -> torch.Tensor:
    """Logits (length, vocabulary) of one sequence: positions from padding + 1 = 2, post-norm layers, exact GELU."""

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return x @ model[f"{name}.weight"].T + model[f"{name}.bias"]

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return scaled * model[f"{name}.weight"] + model[f"{name}.bias"]

    encoder, heads = "decoder.sentence_encoder", options.encoder_attention_heads
    words = model[f"{encoder}.embed_tokens.weight"]
    x = words[tokens] + model[f"{encoder}.embed_positions.weight"][2 : 2 + len(tokens)]
    x = norm(x, f"{encoder}.emb_layer_norm")
    for number in range(options.encoder_layers):
        layer = f"{encoder}.layers.{number}"
        query, key, value = (
            linear(x, f"{layer}.self_attn.{which}_proj").view(len(x), heads, -1).transpose(0, 1) for which in "qkv"
        )
        weights = torch.softmax(query @ key.transpose(1, 2) / query.shape[-1] ** 0.5, -1)
        mixed = linear((weights @ value).transpose(0, 1).reshape(x.shape), f"{layer}.self_attn.out_proj")
        x = norm(x + mixed, f"{layer}.self_attn_layer_norm")
        x = norm(x + linear(F.gelu(linear(x, f"{layer}.fc1")), f"{layer}.fc2"), f"{layer}.final_layer_norm")
    x = norm(F.gelu(linear(x, "decoder.lm_head.dense")), "decoder.lm_head.layer_norm")
    return x @ words.T + model["decoder.lm_head.bias"]


def random_checkpoint(layers: int = 2, width: int = 12, heads: int = 3, feedforward: int = 20, length: int = 17) -> dict:
    """A fairseq checkpoint of random numbers, over a vocabulary of 20 letters and 5 special tokens."""
    generator = torch.Generator().manual_seed(5)
    encoder = "decoder.sentence_encoder"
    shapes: dict[str, tuple[int, ...]] = {f"{encoder}.embed_tokens.weight": (25, width)}
    shapes[f"{encoder}.embed_positions.weight"] = (length + 2, width)
    blocks = {
        f"{encoder}.emb_layer_norm": (width,),
        "decoder.lm_head.layer_norm": (width,),
        "decoder.lm_head.dense": (width, width),
    }
    for number in range(layers):
        layer = f"{encoder}.layers.{number}"
        blocks |= {f"{layer}.self_attn.{part}": (width, width) for part in ("q_proj", "k_proj", "v_proj", "out_proj")}
        blocks |= {f"{layer}.fc1": (feedforward, width), f"{layer}.fc2": (width, feedforward)}
        blocks |= {f"{layer}.self_attn_layer_norm": (width,), f"{layer}.final_layer_norm": (width,)}
    for name, shape in blocks.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    shapes["decoder.lm_head.bias"] = (25,)
    model = {name: torch.randn(shape, generator=generator) * 0.3 for name, shape in shapes.items()}
    model["decoder.lm_head.weight"] = model[f"{encoder}.embed_tokens.weight"]
    options = argparse.Namespace(
        encoder_layers=layers,
        encoder_embed_dim=width,
        encoder_attention_heads=heads,
        encoder_ffn_embed_dim=feedforward,
        activation_fn="gelu",
        dropout=0.1,
        attention_dropout=0.2,
    )
    return {"args": options, "model": model, "optimizer_history": [{"criterion_name": "x"}], "extra_state": {"epoch": 3}}
