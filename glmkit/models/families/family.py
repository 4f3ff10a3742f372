"""Families of published models, each a table of configuration values and weight names.

A `Family` translates a ``config.json`` into a `TransformerConfig` and back, and the names and layouts of weights likewise. The
arithmetic is always that of `Transformer`. A value in a ``config.json`` that requires other arithmetic is refused.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from glmkit.errors import BadInput
from glmkit.models.networks.transformer_config import TransformerConfig

SIZES = {
    "vocabulary_size": "vocab_size",
    "width": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "feedforward": "intermediate_size",
}
ACTIVATIONS = {"gelu": "gelu", "gelu_tanh": "gelu_pytorch_tanh", "relu": "relu", "silu": "silu"}
LEGACY = ((r"\.gamma$", ".weight"), (r"\.beta$", ".bias"))  # names of norm parameters in files that follow the first BERT
_ACTIVATIONS_READ = {theirs: ours for ours, theirs in ACTIVATIONS.items()} | {"gelu_new": "gelu_tanh", "swish": "silu"}


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family of published models.

    Attributes
    ----------
    name
        Name of the family, as in `TransformerConfig.family`.
    model_type
        Entry ``model_type`` of ``config.json``.
    head, body
        Names of the classes in `transformers` that open a model with and without its language-model head.
    holds
        Predicate: whether the format of the family can describe a network.
    read
        Function of ``config.json`` and its path that returns the fields of a `TransformerConfig` beyond the sizes.
    write
        Function of a network's shape and tokenizer that returns the values of ``config.json`` beyond the sizes and special ids.
    layers
        Prefix of the weight names of a block, before the block's number.
    top, block
        Prefixes of weight names, glmkit's to the family's, outside and inside a block.
    fused
        Whether queries, keys and values form one matrix, interleaved by head, instead of three.
    offset
        Function of ``config.json`` that returns the number of rows before the first used row of the learned position table.
    ignored
        Pattern of the weights in published files that the network does not use.
    aliases
        Patterns of older names in published files, each with its replacement.
    tied
        Whether the output layer shares the embedding's weights where ``config.json`` has no entry.
    """

    name: str
    model_type: str
    head: str
    body: str
    holds: Callable[[TransformerConfig], bool]
    read: Callable[[dict[str, Any], str], dict[str, Any]]
    write: Callable[[TransformerConfig, Any], dict[str, Any]]
    layers: str
    top: dict[str, str]
    block: dict[str, str]
    fused: bool = False
    offset: Callable[[dict[str, Any]], int] = field(default=lambda value: 0)
    ignored: str = r"(?!)"
    aliases: tuple[tuple[str, str], ...] = ()
    tied: bool = True

    def config_to_disk(self, config: TransformerConfig, tokenizer: Any, headless: bool) -> dict[str, Any]:
        """Content of ``config.json``.

        Parameters
        ----------
        config
            Shape of the network.
        tokenizer
            Tokenizer with the special ids.
        headless
            Whether the model has a prediction head instead of a language-model head.

        Returns
        -------
        dict
            Plain JSON values.
        """
        ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_id") for name in ("bos", "eos", "pad", "mask")}
        names = {"architectures": [self.body if headless else self.head], "model_type": self.model_type}
        sizes = {theirs: getattr(config, ours) for ours, theirs in SIZES.items()}
        common = {"tie_word_embeddings": config.tie_embeddings, "initializer_range": 0.02, "dtype": "float32"}
        return names | sizes | common | ids | self.write(config, tokenizer)

    def config_from_disk(self, value: dict[str, Any], where: str) -> TransformerConfig:
        """Shape of a network from ``config.json``, saved or published.

        Parameters
        ----------
        value
            Parsed ``config.json``.
        where
            Path of the file, for messages.

        Returns
        -------
        TransformerConfig
            Shape of the network.

        Raises
        ------
        BadInput
            A size is missing, or the network does not implement a value.
        """
        sizes = {ours: needed(value, theirs, where) for ours, theirs in SIZES.items()}
        tied = bool(value.get("tie_word_embeddings", self.tied))
        return TransformerConfig(**sizes, tie_embeddings=tied, family=self.name, **self.read(value, where))

    def weights_to_disk(
        self, state: dict[str, torch.Tensor], config: TransformerConfig, disk: dict[str, Any]
    ) -> dict[str, torch.Tensor]:
        """Weights under the family's names and in its layout.

        Parameters
        ----------
        state
            Tensors by glmkit's names.
        config
            Shape of the network.
        disk
            Content of the ``config.json`` of the same folder.

        Returns
        -------
        dict
            Tensors by the family's names.
        """
        out: dict[str, torch.Tensor] = {}
        for name, tensor in state.items():
            theirs = self._rename(name, back=False)
            if ".mixer.qkv." in name and self.fused:
                out[theirs] = turn_heads(tensor, config, back=False)
            elif ".mixer.qkv." in name:
                number, leaf = name.removeprefix("network.layers.").split(".mixer.qkv.")
                for which, part in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                    out[f"{self.layers}{number}.attention.self.{which}.{leaf}"] = part
            elif name == "network.positions.weight":
                out[theirs] = torch.cat([tensor.new_zeros(self.offset(disk), tensor.shape[1]), tensor])
            else:
                out[theirs] = tensor
        return out

    def weights_from_disk(
        self, state: dict[str, torch.Tensor], config: TransformerConfig, disk: dict[str, Any]
    ) -> dict[str, torch.Tensor]:
        """Inverse of `weights_to_disk`; unknown names are kept, and unused weights are dropped.

        Parameters
        ----------
        state
            Tensors by the family's names.
        config
            Shape of the network.
        disk
            Content of the ``config.json`` of the same folder.

        Returns
        -------
        dict
            Tensors by glmkit's names.
        """
        out: dict[str, torch.Tensor] = {}
        parts: dict[str, dict[str, torch.Tensor]] = {}
        for published, tensor in state.items():
            name = published
            for old, new in (*LEGACY, *self.aliases):
                name = re.sub(old, new, name)
            if re.fullmatch(self.ignored, name) or (
                config.tie_embeddings and self._rename(name, back=True) == "head.decoder.weight"
            ):
                continue
            found = re.fullmatch(re.escape(self.layers) + r"(\d+)\.attention\.self\.(query|key|value)\.(weight|bias)", name)
            if found and not self.fused:
                parts.setdefault(f"network.layers.{found[1]}.mixer.qkv.{found[3]}", {})[found[2]] = tensor
                continue
            ours = self._rename(name, back=True)
            if self.fused and ".mixer.qkv." in ours:
                tensor = turn_heads(tensor, config, back=True)
            elif ours == "network.positions.weight":
                tensor = tensor[self.offset(disk) :]
            out[ours] = tensor
        for name, three in parts.items():
            if len(three) == 3:
                out[name] = torch.cat([three["query"], three["key"], three["value"]])
        return out

    def _rename(self, name: str, back: bool) -> str:
        top, block, ours, theirs = self.top, self.block, "network.layers.", self.layers
        if back:
            top, block = ({disk: mine for mine, disk in table.items()} for table in (top, block))
            ours, theirs = theirs, ours
        if name.startswith(ours):
            number, rest = name.removeprefix(ours).split(".", 1)
            for old, new in block.items():
                if rest.startswith(old):
                    return f"{theirs}{number}.{new}{rest.removeprefix(old)}"
        for old, new in top.items():
            if name.startswith(old):
                return new + name.removeprefix(old)
        return name


def turn_heads(tensor: torch.Tensor, config: TransformerConfig, back: bool) -> torch.Tensor:
    """Reorder the rows of a fused query-key-value weight.

    Rows are ordered (3, heads, head width) in glmkit and (heads, 3, head width) in GPT-NeoX.

    Parameters
    ----------
    tensor
        Weight or bias, (3 * width, ...). A tensor of another first size is returned unchanged, for the later check of shapes.
    config
        Shape of the network.
    back
        Whether to convert from GPT-NeoX to glmkit.

    Returns
    -------
    torch.Tensor
        Reordered tensor of the same shape.
    """
    if tensor.shape[0] != 3 * config.width:
        return tensor
    axes = (config.heads, 3) if back else (3, config.heads)
    rest = tensor.shape[1:]
    return tensor.view(*axes, config.width // config.heads, *rest).transpose(0, 1).reshape(tensor.shape)


def needed(value: dict[str, Any], name: str, where: str) -> Any:
    """Read a value of ``config.json`` that has no default.

    Parameters
    ----------
    value
        Parsed ``config.json``.
    name
        Key of the value.
    where
        Path of the file, for messages.

    Returns
    -------
    object
        The value.

    Raises
    ------
    BadInput
        The value is missing.
    """
    if value.get(name) is None:
        raise BadInput(f"{where} lacks {name!r}, without which the network's shape is unknown. Copy the whole folder again.")
    return value[name]


def activation_of(value: dict[str, Any], where: str) -> str:
    """Translate ``hidden_act`` to glmkit's name of the activation.

    Parameters
    ----------
    value
        Parsed ``config.json``.
    where
        Path of the file, for messages.

    Returns
    -------
    str
        Activation, as in `TransformerConfig.activation`.

    Raises
    ------
    BadInput
        The network does not implement the activation.
    """
    theirs = value.get("hidden_act", "gelu")
    if theirs not in _ACTIVATIONS_READ:
        raise BadInput(f"{where} has hidden_act = {theirs!r}; the network implements {', '.join(_ACTIVATIONS_READ)}.")
    return _ACTIVATIONS_READ[theirs]


def refuse(value: dict[str, Any], where: str, fixed: dict[str, Any]) -> None:
    """Raise BadInput if a value differs from the only one that the network implements.

    Parameters
    ----------
    value
        Parsed ``config.json``; a missing value is accepted.
    where
        Path of the file, for messages.
    fixed
        Required values by key.
    """
    for name, expected in fixed.items():
        got = value.get(name)
        if got is not None and got != expected:
            raise BadInput(
                f"{where} has {name} = {got!r}, but the network implements {expected!r} only; its results would differ from the model's."
            )
