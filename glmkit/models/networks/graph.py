"""Graphs over packed tokens: who hears from whom, as int64 edges (2, n), sources above targets.

A batch of graphs is one graph: the edges of each sequence are shifted to where its letters stand (`join`), so that the adjacency
matrix is block-diagonal and no message crosses from one sequence to another; `check` says so of any edges. There are no loops: a
head sees its own node anyway.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch

from glmkit.axes import BoundariesT
from glmkit.errors import BadInput

Graph: TypeAlias = torch.Tensor  # int64 (2, n): messages go from edges[0] to edges[1]


def chain(boundaries: BoundariesT, reach: int = 1) -> Graph:
    """Every token joined to those up to `reach` before and after it in its own sequence, special tokens included.

    Parameters
    ----------
    boundaries
        int64 (sequences + 1,).
    reach
        Farthest neighbour.

    Returns
    -------
    torch.Tensor
        int64 (2, n), both directions, on the CPU.

    Raises
    ------
    BadInput
        `reach` is below 1.
    """
    if reach < 1:
        raise BadInput(f"reach: expected 1 or more, got {reach}. For no graph at all pass edges=None to the model.")
    edges = boundaries.cpu()
    owner = torch.repeat_interleave(torch.arange(len(edges) - 1), edges.diff())
    here = torch.arange(len(owner))
    pairs = []
    for step in range(1, min(reach, len(here) - 1) + 1):
        inside = owner[:-step] == owner[step:]
        pairs.append(torch.stack([here[:-step][inside], here[step:][inside]]))
    return _both_ways(torch.cat(pairs, 1) if pairs else here.new_zeros(2, 0))


def knn(coordinates: np.ndarray, k: int = 10) -> Graph:
    """Every residue hears from its `k` nearest in space.

    Parameters
    ----------
    coordinates
        Of one protein's Cα atoms, (L, 3), in ångström; a row with NaN is a residue that was not seen, which has no edges.
    k
        Neighbours; all there are in a smaller protein.

    Returns
    -------
    torch.Tensor
        int64 (2, n), numbered from 0; targets ascending and each target's sources by distance. Not symmetric in general.

    Raises
    ------
    BadInput
        Coordinates of another shape, or `k` below 1.
    """
    from scipy.spatial import KDTree

    places = np.asarray(coordinates, dtype=np.float64)
    if places.ndim != 2 or places.shape[1] != 3:
        raise BadInput(f"coordinates: expected Cα atoms (L, 3), got {places.shape}.")
    if k < 1:
        raise BadInput(f"k: expected 1 or more neighbours, got {k}.")
    seen = np.flatnonzero(np.isfinite(places).all(1))
    near = min(k, len(seen) - 1)
    if near < 1:
        return torch.zeros(2, 0, dtype=torch.int64)
    found = np.asarray(KDTree(places[seen]).query(places[seen], near + 1)[1])
    others = found != np.arange(len(seen))[:, None]
    others[others.all(1), -1] = False  # more than k residues in one place, the residue itself not among those found
    sources = found[others].reshape(len(seen), near)
    return torch.from_numpy(np.stack([seen[sources.ravel()], np.repeat(seen, near)]).astype(np.int64))


def from_contacts(probabilities: np.ndarray, threshold: float = 0.5, separation: int = 1) -> Graph:
    """Residues joined to those they probably touch.

    Parameters
    ----------
    probabilities
        Of one protein, (L, L), as `glmkit.score.contacts` gives them, or a contact map of 0 and 1; NaN is no contact. Read above
        the diagonal.
    threshold
        Least probability of an edge.
    separation
        Least difference of positions; predictions mean little below 6.

    Returns
    -------
    torch.Tensor
        int64 (2, n), both directions, numbered from 0.

    Raises
    ------
    BadInput
        A map that is not square, or `separation` below 1.
    """
    scores = np.asarray(probabilities, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1]:
        raise BadInput(f"probabilities: expected (L, L), got {scores.shape}.")
    if separation < 1:
        raise BadInput(f"separation: expected 1 or more, got {separation}: a residue does not touch itself.")
    pairs = np.argwhere(np.triu(scores >= threshold, separation)).T
    return _both_ways(torch.from_numpy(pairs.astype(np.int64)))


def join(graphs: Sequence[Graph], boundaries: BoundariesT, around: tuple[int, int] = (0, 0)) -> Graph:
    """The graphs of a batch's sequences as one over its packed tokens.

    Parameters
    ----------
    graphs
        One a sequence, numbered from its first letter.
    boundaries
        int64 (sequences + 1,).
    around
        Special tokens before and after each sequence, ``(len(tokenizer.prefix), len(tokenizer.suffix))``; they get no edges.

    Returns
    -------
    torch.Tensor
        int64 (2, n).

    Raises
    ------
    BadInput
        Another number of graphs than of sequences, or an edge to a letter that its sequence does not have.
    """
    edges = boundaries.tolist()
    if len(graphs) != len(edges) - 1:
        raise BadInput(f"graphs: expected one for each of {len(edges) - 1} sequences, got {len(graphs)}.")
    shifted = []
    for place, (graph, start, stop) in enumerate(zip(graphs, edges, edges[1:], strict=False)):
        letters = stop - start - sum(around)
        if graph.numel() and not 0 <= int(graph.min()) <= int(graph.max()) < letters:
            raise BadInput(
                f"graphs[{place}]: its edges name letters {int(graph.min())} to {int(graph.max())}, but the sequence has {letters} "
                "(numbered from 0). Was the graph made from another sequence?"
            )
        shifted.append(graph + start + around[0])
    return torch.cat(shifted, 1)


def check(edges: Graph, boundaries: BoundariesT) -> None:
    """See that edges belong to a batch.

    Parameters
    ----------
    edges
        int64 (2, n).
    boundaries
        int64 (sequences + 1,).

    Raises
    ------
    BadInput
        Not (2, n) of integers, a token that is not there, or an edge from one sequence to another.
    """
    if edges.ndim != 2 or edges.shape[0] != 2 or edges.dtype != torch.int64:
        raise BadInput(f"edges: expected int64 (2, n), got {edges.dtype} {tuple(edges.shape)}.")
    if not edges.shape[1]:
        return
    limits = boundaries.to(edges.device)
    if int(edges.min()) < 0 or int(edges.max()) >= int(limits[-1]):
        raise BadInput(f"edges: they name tokens {int(edges.min())} to {int(edges.max())}, but the batch has {int(limits[-1])}.")
    owner = torch.bucketize(edges, limits[1:], right=True)
    if (crossing := owner[0] != owner[1]).any():
        source, target = edges[:, int(crossing.nonzero()[0])].tolist()
        raise BadInput(
            f"edges: token {source} and token {target} are in different sequences. Join the graphs of a batch with graph.join."
        )


def _both_ways(pairs: torch.Tensor) -> Graph:
    return torch.cat([pairs, pairs.flip(0)], 1)
