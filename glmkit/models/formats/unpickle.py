"""Conversion of published pickle checkpoints to safetensors.

A pickle is a program. It is opened by torch's restricted reader (``weights_only=True``), which builds tensors and plain containers and
refuses everything else. Callers check the SHA-256 of the file against the published one first. The result is a folder as on model hubs
(``config.json``, ``model.safetensors``, ``vocab.txt``) with the names of `transformers`. It is opened like any published folder, and
the pickle is not read again.

Two layouts are supported. fairseq's RoBERTa keeps its options in an ``argparse.Namespace`` inside the checkpoint. This one class is
allowed, because the number of heads and the activation are unknown without the options; it contains plain values and no code. The
tensors of a BERT from `transformers` keep their names, and heads other than the language model's are omitted.
"""

import argparse
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch._weights_only_unpickler import UnpicklingError

from glmkit.errors import BadInput
from glmkit.files import atomic_folder, sha256, write_json
from glmkit.models.formats.safetensors_file import write_weights

State = dict[str, torch.Tensor]

# Names of a layer's modules in fairseq, and in RoBERTa of transformers.
LAYER = {
    "self_attn.q_proj": "attention.self.query",
    "self_attn.k_proj": "attention.self.key",
    "self_attn.v_proj": "attention.self.value",
    "self_attn.out_proj": "attention.output.dense",
    "self_attn_layer_norm": "attention.output.LayerNorm",
    "fc1": "intermediate.dense",
    "fc2": "output.dense",
    "final_layer_norm": "output.LayerNorm",
}
ENCODER = "decoder.sentence_encoder."
TOP = {
    f"{ENCODER}embed_tokens.weight": "roberta.embeddings.word_embeddings.weight",
    f"{ENCODER}embed_positions.weight": "roberta.embeddings.position_embeddings.weight",
    f"{ENCODER}emb_layer_norm.weight": "roberta.embeddings.LayerNorm.weight",
    f"{ENCODER}emb_layer_norm.bias": "roberta.embeddings.LayerNorm.bias",
    "decoder.lm_head.dense.weight": "lm_head.dense.weight",
    "decoder.lm_head.dense.bias": "lm_head.dense.bias",
    "decoder.lm_head.layer_norm.weight": "lm_head.layer_norm.weight",
    "decoder.lm_head.layer_norm.bias": "lm_head.layer_norm.bias",
    "decoder.lm_head.bias": "lm_head.bias",
}
FAIRSEQ_START, FAIRSEQ_END = ("<s>", "<pad>", "</s>", "<unk>"), ("<mask>",)
ACTIVATIONS = {"gelu": "gelu", "gelu_accurate": "gelu_new", "relu": "relu"}
MISNAMED = "decoder.lm_head.weight"


def open_pickle(path: str | Path, allowed: Sequence[type] = ()) -> Any:
    """Open a pickle checkpoint with torch's restricted reader.

    Parameters
    ----------
    path
        File that ``torch.save`` wrote.
    allowed
        Further classes, without code of their own, that the file may contain.

    Returns
    -------
    object
        Tensors on the CPU, mapped from the file where its layout allows.

    Raises
    ------
    BadInput
        The file is missing or no checkpoint, or contains anything but tensors, plain containers and `allowed`.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{path} does not exist. Expected a checkpoint that torch.save wrote.")
    try:
        with torch.serialization.safe_globals(list(allowed)):
            return torch.load(path, weights_only=True, map_location="cpu", mmap=zipfile.is_zipfile(path))
    except UnpicklingError as error:
        found = (
            str(error).split("Unsupported global: GLOBAL ")[-1].split(" ")[0] if "Unsupported global" in str(error) else "code"
        )
        raise BadInput(
            f"{path} is a pickle that refers to {found}, and a pickle can run any code when it is opened: only tensors and plain "
            "containers are accepted. Ask its author for safetensors."
        ) from error
    except (RuntimeError, ValueError, EOFError, OSError) as error:
        raise BadInput(f"{path} is not a checkpoint that torch.save wrote, or it is cut ({error}). Fetch it again.") from error


def convert_fairseq_roberta(checkpoint: str | Path, dictionary: str | Path, folder: str | Path, card: dict[str, Any]) -> Path:
    """Convert a RoBERTa that fairseq trained.

    Parameters
    ----------
    checkpoint
        Path of fairseq's ``checkpoint.pt``, with ``model`` and ``args``.
    dictionary
        Path of fairseq's ``dict.txt``: one token and its count a line. By convention the ids of special tokens precede and follow them.
    folder
        Folder to create; an existing one is replaced.
    card
        Provenance of the model; written to ``card.json`` with a record of the conversion.

    Returns
    -------
    Path
        `folder`, which ``transformers.RobertaForMaskedLM`` opens.

    Raises
    ------
    BadInput
        The checkpoint has another layout, or its parts are inconsistent.
    """
    value = open_pickle(checkpoint, [argparse.Namespace])
    if not isinstance(value, dict) or not isinstance(value.get("args"), argparse.Namespace) or "model" not in value:
        raise BadInput(f"{checkpoint} is not a fairseq checkpoint: expected 'args' and 'model' in it.")
    options, given = dict(vars(value["args"])), dict(value["model"])
    state = {name: given.pop(theirs) for theirs, name in TOP.items() if theirs in given}
    for name in list(given):
        if name.startswith(f"{ENCODER}layers."):
            number, rest = name.removeprefix(f"{ENCODER}layers.").split(".", 1)
            part, leaf = rest.rsplit(".", 1)
            if part in LAYER:
                state[f"roberta.encoder.layer.{number}.{LAYER[part]}.{leaf}"] = given.pop(name)
    words = state.get("roberta.embeddings.word_embeddings.weight")
    if words is None or given.keys() - {MISNAMED} or len(state) != len(TOP) + 2 * len(LAYER) * options.get("encoder_layers", 0):
        raise BadInput(f"{checkpoint} does not have the tensors of a fairseq RoBERTa; unknown: {sorted(given)[:3]}.")
    if MISNAMED in given and not torch.equal(given[MISNAMED], words):
        raise BadInput(f"{checkpoint}: {MISNAMED} is not the embedding matrix, which RoBERTa shares with its output layer.")
    state["roberta.embeddings.token_type_embeddings.weight"] = torch.zeros(1, words.shape[1])  # fairseq's RoBERTa has none
    letters = [line.rsplit(" ", 1)[0] for line in Path(dictionary).read_text(encoding="utf-8").splitlines() if line.strip()]
    vocabulary = [*FAIRSEQ_START, *letters, *FAIRSEQ_END]
    config = _roberta_config(options, state, str(checkpoint))
    return _write(Path(folder), config, state, vocabulary, card | {"sha256": sha256(checkpoint), "left_out": sorted(given)})


def _roberta_config(options: Mapping[str, Any], state: State, where: str) -> dict[str, Any]:
    """Content of the ``config.json`` of `transformers` for fairseq's options."""
    activation, words = options.get("activation_fn"), state["roberta.embeddings.word_embeddings.weight"]
    if activation not in ACTIVATIONS or options["encoder_embed_dim"] != words.shape[1]:
        raise BadInput(
            f"{where}: its options (activation {activation!r}, width {options['encoder_embed_dim']}) do not fit its tensors."
        )
    return {
        "architectures": ["RobertaForMaskedLM"],
        "model_type": "roberta",
        "vocab_size": words.shape[0],
        "hidden_size": words.shape[1],
        "num_hidden_layers": options["encoder_layers"],
        "num_attention_heads": options["encoder_attention_heads"],
        "intermediate_size": options["encoder_ffn_embed_dim"],
        "hidden_act": ACTIVATIONS[activation],
        "hidden_dropout_prob": options["dropout"],
        "attention_probs_dropout_prob": options["attention_dropout"],
        "max_position_embeddings": state["roberta.embeddings.position_embeddings.weight"].shape[0],
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-5,
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "pad_token_id": 1,
        "eos_token_id": 2,
        "mask_token_id": words.shape[0] - 1,
    }


def convert_bert(
    checkpoint: str | Path, config: str | Path, vocabulary: str | Path, folder: str | Path, card: dict[str, Any]
) -> Path:
    """Convert a BERT that `transformers` saved as a pickle; heads other than the language model's are left out.

    Parameters
    ----------
    checkpoint
        Path of ``pytorch_model.bin``.
    config
        Path of its ``config.json``.
    vocabulary
        Path of its ``vocab.txt``: a token a line.
    folder
        Folder to create; an existing one is replaced.
    card
        Provenance of the model; written to ``card.json`` with a record of the conversion.

    Returns
    -------
    Path
        `folder`, which ``transformers.BertForMaskedLM`` opens.

    Raises
    ------
    BadInput
        The checkpoint has another layout, or its parts are inconsistent.
    """
    given = open_pickle(checkpoint)
    settings = json.loads(Path(config).read_text(encoding="utf-8"))
    if settings.get("model_type") != "bert" or not isinstance(given, dict):
        raise BadInput(
            f"{config} has model_type {settings.get('model_type')!r}, expected 'bert' and a checkpoint with a dictionary of tensors."
        )
    state = {
        name: tensor
        for name, tensor in given.items()
        if name.startswith(("bert.embeddings.", "bert.encoder.", "cls.predictions.")) and not name.endswith("position_ids")
    }
    words = state.get("bert.embeddings.word_embeddings.weight")
    decoder, bias = state.pop("cls.predictions.decoder.weight", None), state.pop("cls.predictions.decoder.bias", None)
    if words is None or "cls.predictions.bias" not in state:
        raise BadInput(f"{checkpoint} lacks the word embeddings or the language-model head of a BERT.")
    if (decoder is not None and not torch.equal(decoder, words)) or (
        bias is not None and not torch.equal(bias, state["cls.predictions.bias"])
    ):
        raise BadInput(
            f"{checkpoint}: its decoder weight or bias differs from the tied one (word embeddings, cls.predictions.bias)."
        )
    kept = {name: value for name, value in settings.items() if not name.startswith("_") and name != "gradient_checkpointing"}
    kept |= {"architectures": ["BertForMaskedLM"], "tie_word_embeddings": True}
    tokens = Path(vocabulary).read_text(encoding="utf-8").split()
    left_out = sorted(given.keys() - state.keys() - {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias"})
    return _write(Path(folder), kept, state, tokens, card | {"sha256": sha256(checkpoint), "left_out": left_out})


def _write(folder: Path, config: dict[str, Any], state: State, vocabulary: list[str], card: dict[str, Any]) -> Path:
    """Write the folder atomically: configuration, weights, vocabulary, card."""
    size = config["vocab_size"]
    if len(vocabulary) != size or len(set(vocabulary)) != size:
        raise BadInput(f"The vocabulary has {len(set(vocabulary))} different tokens, the network was made for {size}.")
    with atomic_folder(folder) as temporary:
        write_weights(temporary / "model.safetensors", {name: tensor.clone().contiguous() for name, tensor in state.items()})
        write_json(temporary / "config.json", config)
        (temporary / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
        files = {name: sha256(temporary / name) for name in ("config.json", "model.safetensors", "vocab.txt")}
        write_json(temporary / "card.json", card | {"converted": "pickle to safetensors", "files": files})
    return folder
