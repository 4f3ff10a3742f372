"""Pooling of packed hidden states: one vector a sequence.

A pooling mode is one entry of `Pool` and one branch of `pool_hidden`; `pooled_width` gives the width that follows. All modes but ``cls``
use the letters of a sequence and leave out the special tokens that its tokenizer adds.

=============== ============================================================== =========
mode            vector                                                          width
=============== ============================================================== =========
``mean``        mean over all letters: a property of the whole sequence         1
``centre``      the central letter: a site that the window was cut around       1
``centre+mean`` both, concatenated: a site and its surroundings                 2
``first``       the first letter                                                1
``last``        the last letter: causal models                                  1
``cls``         the special token before the sequence, in models trained so     1
=============== ============================================================== =========

The centre of a window of L bases is base ``L // 2``. With single bases this is token ``L // 2``. With overlapping k-mers it is the token
whose own central base, index ``(k - 1) // 2`` of its letters, is that base: a window of 121 bases has its centre at base 60, and of its
118 overlapping 4-mers token 59 covers bases 59 to 62. Other tokenizers use token ``length // 2``.
"""

from typing import Any, Literal, TypeVar, get_args

import torch

from glmkit.axes import BoundariesT, HiddenT
from glmkit.errors import BadInput
from glmkit.tokens.sequences import centre_token

Pool = Literal["mean", "centre", "centre+mean", "first", "last", "cls"]
POOLS: tuple[str, ...] = get_args(Pool)
Lengths = TypeVar("Lengths", int, torch.Tensor)


def check_pool(pool: str, tokenizer: Any = None) -> None:
    """Raise BadInput for an unknown pooling mode, or for ``cls`` without a special token before the sequence.

    Parameters
    ----------
    pool
        Pooling mode.
    tokenizer
        Tokenizer of the model; None skips the check of ``cls``.
    """
    if pool not in POOLS:
        raise BadInput(f"pool: expected one of {', '.join(POOLS)}, got {pool!r}.")
    if pool == "cls" and tokenizer is not None and not tokenizer.prefix:
        raise BadInput("pool='cls': this model has no special token before its inputs. Use pool='mean'.")


def pooled_width(pool: str, width: int) -> int:
    """Width of a pooled vector.

    Parameters
    ----------
    pool
        Pooling mode.
    width
        Width of the hidden states.

    Returns
    -------
    int
        ``2 * width`` for ``centre+mean``, else `width`.

    Examples
    --------
    >>> pooled_width("mean", 64), pooled_width("centre+mean", 64)
    (64, 128)
    """
    return 2 * width if pool == "centre+mean" else width


def letter_place(pool: str, length: Lengths, over: int = 1) -> Lengths:
    """Index of the letter that a mode takes, counted from the first letter of the sequence.

    Parameters
    ----------
    pool
        ``first``, ``last``, ``centre`` or ``centre+mean``.
    length
        Letters of the sequence, or int64 (sequences,).
    over
        Tokens over one base, see `glmkit.tokens.sequences.tokens_over_base`.

    Returns
    -------
    int or torch.Tensor
        In [0, length), of the type of `length`.
    """
    if pool == "first":
        return length * 0
    return length - 1 if pool == "last" else centre_token(length, over)


def pool_hidden(hidden: HiddenT, boundaries: BoundariesT, pool: str, over: int = 1, around: tuple[int, int] = (0, 0)) -> HiddenT:
    """Pool packed hidden states to one vector a sequence.

    Parameters
    ----------
    hidden
        Hidden states, (tokens, width).
    boundaries
        Sequence boundaries, int64 (sequences + 1,).
    pool
        Pooling mode.
    over
        Tokens over one base, see `glmkit.tokens.sequences.tokens_over_base`.
    around
        Number of special tokens before and after each sequence.

    Returns
    -------
    torch.Tensor
        (sequences, ``pooled_width(pool, width)``); for ``centre+mean`` the centre comes first.

    Examples
    --------
    >>> import torch
    >>> hidden = torch.tensor([[1.0], [2.0], [3.0], [10.0]])
    >>> pool_hidden(hidden, torch.tensor([0, 3, 4]), "mean").tolist()
    [[2.0], [10.0]]
    >>> pool_hidden(hidden, torch.tensor([0, 3, 4]), "last").tolist()
    [[3.0], [10.0]]
    """
    edges = boundaries.to(hidden.device)
    starts, stops = edges[:-1] + around[0], edges[1:] - around[1]
    if pool == "cls":
        return hidden[edges[:-1]]
    lengths = stops - starts
    if pool != "mean":
        letter = hidden[starts + letter_place(pool, lengths, over)]
        if pool != "centre+mean":
            return letter
    owner = torch.repeat_interleave(torch.arange(len(lengths), device=hidden.device), lengths)
    total = torch.zeros(len(lengths), hidden.shape[-1], dtype=torch.float32, device=hidden.device)
    if any(around):
        hidden = hidden[torch.arange(len(owner), device=hidden.device) + sum(around) * owner + around[0]]
    mean = total.index_add(0, owner, hidden.float()) / lengths[:, None]
    return mean if pool == "mean" else torch.cat([letter.float(), mean], -1)
