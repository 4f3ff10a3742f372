"""Key-value cache of causal networks, with which each further token costs one token of computation.

All sequences of a cache have equal length. Local attention stores all keys and values, and attends to its window. A convolution
stores the last inputs within reach of its kernel.
"""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F

from glmkit.axes import HiddenT
from glmkit.errors import BadInput
from glmkit.models.networks.attention import attend, nearby
from glmkit.models.networks.mixers import Attention, Convolution
from glmkit.models.networks.mlstm import MLSTM
from glmkit.models.networks.packed_layout import rotary_table
from glmkit.models.networks.recurrent import LSTM
from glmkit.models.networks.transformer import Block, Transformer


@dataclass
class Cache:
    """State of a causal network after the tokens read so far.

    Attributes
    ----------
    length
        Number of tokens read of every sequence.
    layers
        State of each block. Attention: keys and values, (sequences, room, heads, head width) each, of which `length` are filled.
        Convolution: last inputs, (sequences, kernel - 1, width). Recurrent layer: states, (sequences, width).
    """

    length: int = 0
    layers: list[tuple[torch.Tensor, ...]] = field(default_factory=list)

    def select(self, rows: torch.Tensor) -> "Cache":
        """Cache of selected sequences.

        Parameters
        ----------
        rows
            Indices of the sequences in the new order, int64 (chosen,); duplicates are allowed.

        Returns
        -------
        Cache
            New cache.
        """
        return Cache(self.length, [tuple(tensor[rows] for tensor in layer) for layer in self.layers])


def extend(network: Transformer | LSTM | MLSTM, tokens: torch.Tensor, cache: Cache) -> HiddenT:
    """Read further tokens and add them to the cache.

    Parameters
    ----------
    network
        Causal network.
    tokens
        Token ids, int64 (sequences, new).
    cache
        Cache of the preceding tokens, empty at first; changed in place.

    Returns
    -------
    torch.Tensor
        Hidden states of the new tokens, (sequences, new, width), equal to those of a pass over the whole sequences.

    Raises
    ------
    BadInput
        A network that is not causal, in which states depend on later tokens.
    """
    if not network.config.causal:
        raise BadInput(
            "Only a causal model can continue from a cache; this one is bidirectional. Read the whole sequence instead."
        )
    count, new = tokens.shape
    end = cache.length + new
    if not isinstance(network, Transformer):
        hidden, cache.layers = network.read_on(tokens, cache.layers)
        cache.length = end
        return hidden
    config = network.config
    place = torch.arange(cache.length, end, device=tokens.device)
    hidden = network.place(network.embedding(tokens.flatten()), tokens.flatten(), place.repeat(count), end)
    angles = None
    if config.positions == "rotary":
        table = rotary_table(end, config.width // config.heads, tokens.device)
        angles = tuple(part[place].repeat(count, 1, 1).unsqueeze(1) for part in table)
    before = cache.layers or [()] * len(network.layers)
    cache.layers, cache.length = [], end
    for block, kept in zip(network.layers, before, strict=True):
        assert isinstance(block, Block)
        x = block.entering(hidden)
        if isinstance(block.mixer, Attention):
            mixed, kept = _attend(block.mixer, x, angles, place, kept)
        else:
            mixed, kept = _convolve(block.mixer, x, kept, count)
        cache.layers.append(kept)
        hidden = block.after(hidden, mixed)
    if network.norm is not None:
        hidden = network.norm(hidden)
    return hidden.unflatten(0, (count, new))


def _attend(
    mixer: Attention, x: HiddenT, angles: tuple | None, place: torch.Tensor, kept: tuple[torch.Tensor, ...]
) -> tuple[HiddenT, tuple[torch.Tensor, ...]]:
    query, *new = (part.unflatten(0, (-1, len(place))) for part in mixer.projected(x, angles))
    start, end = int(place[0]), int(place[-1]) + 1
    filled = tuple(_put(rows, start, kept[i] if kept else None) for i, rows in enumerate(new))
    key, value = (rows[:, :end] for rows in filled)
    seen = None if len(place) == 1 and mixer.window is None else nearby(place, end, mixer.window, True)
    return mixer.out(attend(query, key, value, seen).reshape(len(x), -1)), filled


def _put(rows: torch.Tensor, start: int, room: torch.Tensor | None) -> torch.Tensor:
    """Write rows (sequences, new, ...) at position `start` of a buffer, which doubles in size when it is full."""
    end = start + rows.shape[1]
    if room is None or room.shape[1] < end:
        larger = rows.new_empty(len(rows), max(end, 2 * start), *rows.shape[2:])
        if room is not None:
            larger[:, :start] = room[:, :start]
        room = larger
    room[:, start:end] = rows
    return room


def _convolve(
    mixer: Convolution, x: HiddenT, kept: tuple[torch.Tensor, ...], count: int
) -> tuple[HiddenT, tuple[torch.Tensor, ...]]:
    signal, gate = mixer.gate(x).chunk(2, -1)
    rows = signal.unflatten(0, (count, -1))
    before = kept[0] if kept else rows.new_zeros(count, mixer.kernel - 1, rows.shape[-1])
    rows = torch.cat([before, rows], 1)
    mixed = mixer.filter(rows.transpose(1, 2)).transpose(1, 2).flatten(0, 1) * F.silu(gate)
    return mixer.out(mixed), (rows[:, rows.shape[1] - mixer.kernel + 1 :],)
