"""Log-probabilities over the vocabulary at single sites of a protein, in windows if the protein is longer than the context.

A window is centred on its sites, as far as the ends of the sequence allow; a sequence that fits is read whole. The softmax is over
the whole vocabulary, special tokens included, as in ESM's own scripts. In the log-odds of two residues at one site its
denominator cancels.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glmkit.score.windows.batches import by_budget, evaluating, first_letters, packed

if TYPE_CHECKING:
    from glmkit.models import TokenModel

_READS = 512  # windows gathered before they are sorted by length


class Read(NamedTuple):  # numpydoc ignore=PR02
    """One forward pass over one window.

    Parameters
    ----------
    sites
        Residues to score, 0-based positions in the sequence.
    start
        Start of the window in the sequence, 0-based.
    inputs
        Token ids of the window, (residues,), some of them masked, without special tokens.
    """

    sites: tuple[int, ...]
    start: int
    inputs: np.ndarray


def centred(length: int, first: int, last: int, longest: int) -> tuple[int, int]:
    """The window centred on an interval of a sequence.

    Parameters
    ----------
    length
        Length of the sequence in residues.
    first, last
        Interval ``[first, last)``, 0-based; may be empty.
    longest
        Maximum length of a window in residues, at least that of the interval.

    Returns
    -------
    tuple of int
        Start and end, half-open: the whole sequence if it fits, else `longest` residues centred on the interval, shifted
        inwards at the ends.
    """
    if length <= longest:
        return 0, length
    start = min(max((first + last) // 2 - longest // 2, 0), length - longest)
    return start, start + longest


def masked_reads(ids: np.ndarray, sets: Iterable[Sequence[int]], mask_id: int, longest: int) -> Iterator[Read]:
    """One pass for each set of sites; all sites of a set are masked together.

    Parameters
    ----------
    ids
        Token ids of the protein, (residues,).
    sets
        Sets of sites, 0-based, ascending; each set spans at most `longest` residues.
    mask_id
        Token id of the mask.
    longest
        Maximum length of a window in residues.

    Yields
    ------
    Read
        In the order of the sets.
    """
    for sites in sets:
        start, stop = centred(len(ids), sites[0], sites[-1] + 1, longest)
        inputs = ids[start:stop].copy()
        inputs[np.array(sites) - start] = mask_id
        yield Read(tuple(sites), start, inputs)


def plain_reads(ids: np.ndarray, sites: Sequence[int], longest: int) -> Iterator[Read]:
    """Passes without masks: one for all sites if the sequence fits, else one for each window centred on a site.

    Parameters
    ----------
    ids
        Token ids of the protein, (residues,).
    sites
        Sites to score, 0-based.
    longest
        Maximum length of a window in residues.

    Yields
    ------
    Read
        Passes that together contain every site once.
    """
    windows: dict[tuple[int, int], list[int]] = {}
    for site in sites:
        windows.setdefault(centred(len(ids), site, site + 1, longest), []).append(site)
    for (start, stop), inside in windows.items():
        yield Read(tuple(inside), start, ids[start:stop])


def log_probabilities(model: "TokenModel", reads: Iterator[Read], batch_tokens: int) -> Iterator[tuple[Read, np.ndarray]]:
    """Run passes and return log-probabilities at their sites.

    Parameters
    ----------
    model
        A masked LanguageModel; its training or evaluation mode is restored afterwards.
    reads
        Passes to run.
    batch_tokens
        Maximum number of tokens per batch; affects memory and speed, not the result.

    Yields
    ------
    tuple
        Each pass, in any order, and its log-probabilities in nats, float64 (sites, vocab). The last layer and the head are
        computed at these sites only.
    """
    import torch

    with evaluating(model):
        while gathered := list(islice(reads, _READS)):
            for batch in by_budget([len(read.inputs) for read in gathered], batch_tokens):
                chosen = [gathered[j] for j in batch]
                tokens, boundaries = packed(model, (read.inputs for read in chosen))
                firsts = first_letters(model, boundaries)
                look = [first + site - read.start for read, first in zip(chosen, firsts, strict=True) for site in read.sites]
                logits = model.logits(tokens, boundaries, torch.tensor(look, device=tokens.device))
                rows = logits.float().log_softmax(-1).cpu().numpy().astype(np.float64)
                edges = np.cumsum([len(read.sites) for read in chosen])[:-1]
                yield from zip(chosen, np.split(rows, edges), strict=True)
