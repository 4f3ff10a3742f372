"""Mixing layers within sequences: attention, global or local, and gated convolution.

Each layer maps states (tokens, width), laid out in rectangles, to new ones, for all or for selected tokens.
"""

import torch
import torch.nn.functional as F
from torch import nn

from glmkit.axes import HiddenT
from glmkit.models.networks.attention import attend, attend_causal, attend_nearby, attend_packed, nearby
from glmkit.models.networks.packed_layout import Chosen, Layout, rotate
from glmkit.models.networks.packing import part
from glmkit.models.networks.transformer_config import TransformerConfig


class Attention(nn.Module):
    """Multi-head attention with queries, keys and values from one fused matrix.

    Parameters
    ----------
    config
        Configuration of the network.
    window
        Number of visible tokens on either side, or None for the whole sequence.
    """

    def __init__(self, config: TransformerConfig, window: int | None) -> None:
        super().__init__()
        self.heads, self.causal, self.window = config.heads, config.causal, window
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=config.biases != "none")
        self.out = nn.Linear(config.width, config.width, bias=config.biases != "none")

    def forward(self, x: HiddenT, layout: Layout, chosen: Chosen | None = None) -> HiddenT:
        """States after mixing within sequences.

        Parameters
        ----------
        x
            States, (tokens, width).
        layout
            Layout of the batch.
        chosen
            Scored positions; None for all.

        Returns
        -------
        torch.Tensor
            States, (tokens or scored, width).
        """
        query, key, value = self.projected(x, layout.angles, None if chosen is None else chosen.index)
        if x.device.type == "cuda" and query.dtype != torch.float32 and (chosen is None or not (self.causal or self.window)):
            mixed = self._packed(query, key, value, layout, chosen)
        elif chosen is None:
            mixed = torch.cat([self._rectangle(*(part(x, span) for x in (query, key, value))) for span in layout.spans])
        else:
            mixed = torch.cat(list(self._chosen(query, key, value, chosen)))
        return self.out(mixed.reshape(len(query), -1))

    def projected(
        self, x: HiddenT, angles: tuple[torch.Tensor, torch.Tensor] | None, index: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Queries, keys and values, with rotary positions if there are any.

        Parameters
        ----------
        x
            States, (tokens, width).
        angles
            Cosine and sine of each token's rotary angles, see `Layout`; None without rotary positions.
        index
            Tokens whose queries are computed, int64 (scored,); None for all.

        Returns
        -------
        tuple of torch.Tensor
            Queries (tokens or scored, heads, head width), keys and values (tokens, heads, head width).
        """
        width = x.shape[-1]
        if index is None or type(self.qkv) is not nn.Linear:  # a layer with an adapter cannot be sliced
            three = self.qkv(x).view(len(x), 3, self.heads, width // self.heads)
            query, key = (three[:, :2] if angles is None else rotate(three[:, :2], *angles)).unbind(1)
            return (query if index is None else query[index]), key, three[:, 2]
        weight, bias = self.qkv.weight, self.qkv.bias
        first, rest = (None, None) if bias is None else (bias[:width], bias[width:])
        query = F.linear(x[index], weight[:width], first).view(-1, self.heads, width // self.heads)
        key, value = F.linear(x, weight[width:], rest).view(len(x), 2, self.heads, width // self.heads).unbind(1)
        if angles is not None:
            cosine, sine = (angle.squeeze(1) for angle in angles)
            query, key = rotate(query, cosine[index], sine[index]), rotate(key, cosine, sine)
        return query, key, value

    def weights(self, x: HiddenT, layout: Layout) -> list[torch.Tensor]:
        """Attention weights of every sequence, in the order of the layout.

        Parameters
        ----------
        x
            States, (tokens, width).
        layout
            Layout of the batch.

        Returns
        -------
        list of torch.Tensor
            One array per sequence, float32 (heads, length, length); rows sum to 1.
        """
        query, key, _ = self.projected(x, layout.angles)
        found = []
        for span in layout.spans:
            q, k = part(query, span).transpose(1, 2).float(), part(key, span).transpose(1, 2).float()
            scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
            if self.causal or self.window:
                everywhere = torch.arange(span.length, device=x.device)
                scores.masked_fill_(~nearby(everywhere, span.length, self.window, self.causal), -torch.inf)
            found += list(scores.softmax(-1).unbind(0))
        return found

    def _rectangle(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        if self.window is not None:
            mixed = attend_nearby(query, key, value, self.window, self.causal)
        else:
            mixed = attend_causal(query, key, value) if self.causal else attend(query, key, value)
        return mixed.flatten(0, 1).flatten(1)

    def _chosen(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, chosen: Chosen) -> list[torch.Tensor]:
        mixed, first = [], 0
        for span in chosen.spans:
            count = span.sequences * span.scored
            if count == 0:
                continue
            rectangle = query[first : first + count].view(span.sequences, span.scored, *query.shape[1:])
            seen = None
            if self.causal or self.window:
                place = chosen.place[first : first + count].view(span.sequences, span.scored)
                seen = nearby(place, span.length, self.window, self.causal)[:, None]
            mixed.append(attend(rectangle, part(key, span), part(value, span), seen).flatten(0, 1).flatten(1))
            first += count
        return mixed

    def _packed(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, layout: Layout, chosen: Chosen | None
    ) -> torch.Tensor:
        edges, longest = (layout.edges, layout.longest) if chosen is None else (chosen.edges, chosen.most)
        reach = -1 if self.window is None else self.window
        sides = (reach, 0 if self.causal else reach)
        return attend_packed(query, key, value, (edges, layout.edges), (longest, layout.longest), sides)


class Convolution(nn.Module):
    """A gated depthwise convolution along each sequence; its cost is linear in the length, its reach half of the kernel.

    Parameters
    ----------
    config
        Configuration of the network.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.causal, self.kernel = config.causal, config.kernel
        self.gate = nn.Linear(config.width, 2 * config.width, bias=config.biases != "none")
        self.filter = nn.Conv1d(config.width, config.width, config.kernel, groups=config.width)
        self.out = nn.Linear(config.width, config.width, bias=config.biases != "none")

    def forward(self, x: HiddenT, layout: Layout, chosen: Chosen | None = None) -> HiddenT:
        """States after mixing within sequences.

        Parameters
        ----------
        x
            States, (tokens, width).
        layout
            Layout of the batch.
        chosen
            Scored positions; None for all.

        Returns
        -------
        torch.Tensor
            States, (tokens or scored, width).
        """
        signal, gate = self.gate(x).chunk(2, -1)
        sides = (self.kernel - 1, 0) if self.causal else (self.kernel // 2, self.kernel // 2)
        rows = [self.filter(F.pad(part(signal, span).transpose(1, 2), sides)).transpose(1, 2) for span in layout.spans]
        mixed = torch.cat([row.flatten(0, 1) for row in rows]) * F.silu(gate)
        return self.out(mixed if chosen is None else mixed[chosen.index])
