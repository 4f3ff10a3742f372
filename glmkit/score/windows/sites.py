"""Log-probabilities of the whole vocabulary at single sites of a protein, in windows where it is too long to read at once.

A window stands with the sites that it was cut for in its centre, as far as the ends of the sequence allow; a sequence that fits
is read whole. The softmax runs over the whole vocabulary, special tokens included, as in ESM's own scripts; in a log-odds of two
residues at one site its denominator cancels.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from glmkit.score.windows.batches import by_budget, evaluating, first_letters, packed

_READS = 512  # windows gathered before they are sorted by length


class Read(NamedTuple):  # numpydoc ignore=PR02
    """One pass over one window.

    Parameters
    ----------
    sites
        Residues of the sequence, from 0, at which to look.
    start
        The residue at which the window begins.
    inputs
        (residues of the window,): ids, some of them masked; no special tokens.
    """

    sites: tuple[int, ...]
    start: int
    inputs: np.ndarray


def centred(length: int, first: int, last: int, longest: int) -> tuple[int, int]:
    """The window around a stretch of a sequence.

    Parameters
    ----------
    length
        Residues of the sequence.
    first, last
        The stretch, ``[first, last)`` from 0; it may be empty.
    longest
        Most residues of a window, no fewer than the stretch has.

    Returns
    -------
    tuple of int
        Start and end, half-open: the whole sequence if it fits, else `longest` residues with the stretch in the centre, moved
        inwards at the ends.
    """
    if length <= longest:
        return 0, length
    start = min(max((first + last) // 2 - longest // 2, 0), length - longest)
    return start, start + longest


def masked_reads(ids: np.ndarray, sets: Iterable[Sequence[int]], mask_id: int, longest: int) -> Iterator[Read]:
    """One pass for each set of sites, all sites of a set masked together.

    Parameters
    ----------
    ids
        (residues,).
    sets
        Sites from 0, ascending; each set spans no more than `longest` residues.
    mask_id
        Id of the mask.
    longest
        Most residues of a window.

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
    """Nothing masked: one pass for all sites if the sequence fits, else one for each site with its window around it.

    Parameters
    ----------
    ids
        (residues,).
    sites
        From 0.
    longest
        Most residues of a window.

    Yields
    ------
    Read
        Together they hold every site once.
    """
    windows: dict[tuple[int, int], list[int]] = {}
    for site in sites:
        windows.setdefault(centred(len(ids), site, site + 1, longest), []).append(site)
    for (start, stop), inside in windows.items():
        yield Read(tuple(inside), start, ids[start:stop])


def log_probabilities(model: Any, reads: Iterator[Read], batch_tokens: int) -> Iterator[tuple[Read, np.ndarray]]:
    """Run passes.

    Parameters
    ----------
    model
        A masked LanguageModel; it is left in the mode it was in.
    reads
        Any number.
    batch_tokens
        Tokens of a batch: memory against speed, never the result.

    Yields
    ------
    tuple
        Each pass, not in order, and float64 (sites of it, vocab) in nats. The last layer and the head run at these sites alone.
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
