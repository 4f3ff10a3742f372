"""Keys and values of what a causal Transformer has read, kept so that a further token costs one token and not all before it.

All sequences of a cache are equally long. Local attention keeps everything too and looks at its window; a convolution keeps
the last inputs that its kernel reaches.
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
    """What has been read.

    Attributes
    ----------
    length
        Tokens of every sequence so far.
    layers
        For each block keys and values, (sequences, room, heads, head width) each, of which `length` are filled, or a convolution's last inputs,
        (sequences, kernel - 1, width); of a recurrent network its states, (sequences, width).
    """

    length: int = 0
    layers: list[tuple[torch.Tensor, ...]] = field(default_factory=list)

    def select(self, rows: torch.Tensor) -> "Cache":
        """The cache of some sequences, in the order asked for; a row may come twice.

        Parameters
        ----------
        rows
            int64 (chosen,).

        Returns
        -------
        Cache
            A new one.
        """
        return Cache(self.length, [tuple(tensor[rows] for tensor in layer) for layer in self.layers])


def extend(network: Transformer | LSTM | MLSTM, tokens: torch.Tensor, cache: Cache) -> HiddenT:
    """Read further tokens and add them to the cache.

    Parameters
    ----------
    network
        A causal one.
    tokens
        int64 (sequences, new).
    cache
        What was read before; an empty one at first. It is changed in place.

    Returns
    -------
    torch.Tensor
        Hidden states of the new tokens, (sequences, new, width): those that reading everything at once would give.

    Raises
    ------
    BadInput
        The network is not causal: a later token would change what an earlier one saw.
    """
    if not network.config.causal:
        raise BadInput(
            "Only a causal model can be read on from a cache; this one looks both ways. Read the whole sequence instead."
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
    """Rows (sequences, new, ...) behind the first `start` of a buffer, which doubles when it is full."""
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
