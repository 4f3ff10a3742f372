"""What a family of published models is to glmkit: a table of configuration values and weight names, and nothing else.

A `Family` translates a ``config.json`` into a `TransformerConfig` and back, and the names and layouts of weights likewise. The
arithmetic is always that of the one `Transformer`; a value in a ``config.json`` that would change the numbers and that the
network cannot follow is refused.
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
LEGACY = ((r"\.gamma$", ".weight"), (r"\.beta$", ".bias"))  # of norms, in files that follow the first BERT
_ACTIVATIONS_READ = {theirs: ours for ours, theirs in ACTIVATIONS.items()} | {"gelu_new": "gelu_tanh", "swish": "silu"}


@dataclass(frozen=True, kw_only=True)
class Family:
    """One family.

    Attributes
    ----------
    name
        How `TransformerConfig.family` calls it.
    model_type
        Of its ``config.json``.
    head, body
        Class in `transformers` that opens a whole model, and one without its head.
    holds
        Whether it can express a network.
    read
        From ``config.json`` (and its path, for messages) to the fields of a `TransformerConfig` beyond the sizes.
    write
        From a network's shape and tokenizer to the values of ``config.json`` beyond the sizes and special ids.
    layers
        What precedes a block's number in the names of its weights.
    top, block
        Beginnings of weight names, ours to theirs, outside and inside a block.
    fused
        Whether queries, keys and values lie in one matrix, head by head, and not in three.
    offset
        From ``config.json`` to how many rows of the table of learned positions come before the first place.
    ignored
        Pattern of the weights in published files that the network does not need.
    aliases
        Patterns of older names in published files, and what each is called now.
    tied
        Whether the output layer shares the embedding's weights where ``config.json`` does not say.
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
        """The content of ``config.json``.

        Parameters
        ----------
        config
            The network's shape.
        tokenizer
            Gives the special ids.
        headless
            Whether another head stands on the network than a language model's.

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
        """The inverse of `config_to_disk`, for published files too.

        Parameters
        ----------
        value
            The parsed ``config.json``.
        where
            Its path, for messages.

        Returns
        -------
        TransformerConfig
            The network's shape.

        Raises
        ------
        BadInput
            A size is missing, or a value asks for what the network does not have.
        """
        sizes = {ours: needed(value, theirs, where) for ours, theirs in SIZES.items()}
        tied = bool(value.get("tie_word_embeddings", self.tied))
        return TransformerConfig(**sizes, tie_embeddings=tied, family=self.name, **self.read(value, where))

    def weights_to_disk(
        self, state: dict[str, torch.Tensor], config: TransformerConfig, disk: dict[str, Any]
    ) -> dict[str, torch.Tensor]:
        """Our weights under the family's names and in its layout.

        Parameters
        ----------
        state
            Tensors by our names.
        config
            The network's shape.
        disk
            The ``config.json`` beside which they are written.

        Returns
        -------
        dict
            Tensors.
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
        """The inverse of `weights_to_disk`; weights with unknown names keep theirs, those that are not needed are dropped.

        Parameters
        ----------
        state
            Tensors by the family's names.
        config
            The network's shape.
        disk
            The ``config.json`` beside them.

        Returns
        -------
        dict
            Tensors.
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
    """Reorder the rows of a fused query-key-value weight: ours go (3, heads, head width), GPT-NeoX's (heads, 3, head width).

    Parameters
    ----------
    tensor
        (3 * width, ...); another first size is left for the check of shapes to name.
    config
        The network's shape.
    back
        From theirs to ours.

    Returns
    -------
    torch.Tensor
        Of the same shape.
    """
    if tensor.shape[0] != 3 * config.width:
        return tensor
    axes = (config.heads, 3) if back else (3, config.heads)
    rest = tensor.shape[1:]
    return tensor.view(*axes, config.width // config.heads, *rest).transpose(0, 1).reshape(tensor.shape)


def needed(value: dict[str, Any], name: str, where: str) -> Any:
    """A value of ``config.json`` that has no default.

    Parameters
    ----------
    value
        The parsed file.
    name
        Which.
    where
        Its path, for messages.

    Returns
    -------
    object
        The value.

    Raises
    ------
    BadInput
        It is missing.
    """
    if value.get(name) is None:
        raise BadInput(f"{where} lacks {name!r}, without which the network's shape is unknown. Copy the whole folder again.")
    return value[name]


def activation_of(value: dict[str, Any], where: str) -> str:
    """Our name of ``hidden_act``.

    Parameters
    ----------
    value
        The parsed ``config.json``.
    where
        Its path, for messages.

    Returns
    -------
    str
        One of `TransformerConfig`'s.

    Raises
    ------
    BadInput
        An activation that the network does not have.
    """
    theirs = value.get("hidden_act", "gelu")
    if theirs not in _ACTIVATIONS_READ:
        raise BadInput(f"{where} has hidden_act = {theirs!r}; the network has {', '.join(_ACTIVATIONS_READ)}.")
    return _ACTIVATIONS_READ[theirs]


def refuse(value: dict[str, Any], where: str, fixed: dict[str, Any]) -> None:
    """Raise BadInput where a value differs from the only one that the network has.

    Parameters
    ----------
    value
        The parsed ``config.json``; a missing value is taken to be the right one.
    where
        Its path, for messages.
    fixed
        The values.
    """
    for name, expected in fixed.items():
        got = value.get(name)
        if got is not None and got != expected:
            raise BadInput(f"{where} has {name} = {got!r}, where this network has {expected!r}: it would compute something else.")
