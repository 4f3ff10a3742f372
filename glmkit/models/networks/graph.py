"""Graphs over packed tokens, as edge lists int64 (2, n) with sources in row 0 and targets in row 1.

A batch of graphs is a single graph. The edges of each sequence are shifted to the positions of its letters (`join`), so that the
adjacency matrix is block-diagonal and messages stay within a sequence; `check` verifies this for any edges. There are no
self-loops, because a head reads each node's own state anyway.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch

from glmkit.axes import BoundariesT
from glmkit.errors import BadInput

Graph: TypeAlias = torch.Tensor  # edge list, int64 (2, n): messages pass from edges[0] to edges[1]


def chain(boundaries: BoundariesT, reach: int = 1) -> Graph:
    """Chain graph: each token is connected to those up to `reach` positions away in its sequence, special tokens included.

    Parameters
    ----------
    boundaries
        Boundaries of the sequences, int64 (sequences + 1,).
    reach
        Maximum distance of a neighbour in tokens, 1 or more.

    Returns
    -------
    torch.Tensor
        Edges, int64 (2, n), in both directions, on the CPU.

    Raises
    ------
    BadInput
        A `reach` below 1.
    """
    if reach < 1:
        raise BadInput(f"reach: expected 1 or more, got {reach}. For no graph pass edges=None to the model.")
    edges = boundaries.cpu()
    owner = torch.repeat_interleave(torch.arange(len(edges) - 1), edges.diff())
    here = torch.arange(len(owner))
    pairs = []
    for step in range(1, min(reach, len(here) - 1) + 1):
        inside = owner[:-step] == owner[step:]
        pairs.append(torch.stack([here[:-step][inside], here[step:][inside]]))
    return _both_ways(torch.cat(pairs, 1) if pairs else here.new_zeros(2, 0))


def knn(coordinates: np.ndarray, k: int = 10) -> Graph:
    """Nearest-neighbour graph: edges to each residue from its `k` nearest residues in space.

    Parameters
    ----------
    coordinates
        Coordinates of the Cα atoms of one protein, (L, 3), in ångström; unresolved residues have NaN and no edges.
    k
        Number of neighbours, 1 or more; fewer in a smaller protein.

    Returns
    -------
    torch.Tensor
        Edges, int64 (2, n), 0-based; targets in ascending order, sources of a target by distance. Not symmetric in general.

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
    others[others.all(1), -1] = False  # with more than k coincident residues, the residue itself may be missing from its list
    sources = found[others].reshape(len(seen), near)
    return torch.from_numpy(np.stack([seen[sources.ravel()], np.repeat(seen, near)]).astype(np.int64))


def from_contacts(probabilities: np.ndarray, threshold: float = 0.5, separation: int = 1) -> Graph:
    """Contact graph: edges between residues with a high contact probability.

    Parameters
    ----------
    probabilities
        Contact probabilities of one protein, (L, L), from `glmkit.score.contacts`, or a contact map of 0 and 1; NaN is no contact.
        Only the upper triangle is used.
    threshold
        Minimum probability of an edge.
    separation
        Minimum distance along the sequence in residues, 1 or more; predictions are unreliable below 6.

    Returns
    -------
    torch.Tensor
        Edges, int64 (2, n), in both directions, 0-based.

    Raises
    ------
    BadInput
        A map that is not square, or a `separation` below 1.
    """
    scores = np.asarray(probabilities, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1]:
        raise BadInput(f"probabilities: expected (L, L), got {scores.shape}.")
    if separation < 1:
        raise BadInput(f"separation: expected 1 or more, got {separation}. A residue has no contact with itself.")
    pairs = np.argwhere(np.triu(scores >= threshold, separation)).T
    return _both_ways(torch.from_numpy(pairs.astype(np.int64)))


def join(graphs: Sequence[Graph], boundaries: BoundariesT, around: tuple[int, int] = (0, 0)) -> Graph:
    """Graph over packed tokens from the graphs of its sequences.

    Parameters
    ----------
    graphs
        One graph per sequence, int64 (2, n) each, with letters numbered from 0.
    boundaries
        Boundaries of the sequences, int64 (sequences + 1,).
    around
        Number of special tokens before and after each sequence, ``(len(tokenizer.prefix), len(tokenizer.suffix))``, which have
        no edges.

    Returns
    -------
    torch.Tensor
        Edges, int64 (2, n).

    Raises
    ------
    BadInput
        A number of graphs that differs from that of sequences, or an edge beyond the end of a sequence.
    """
    edges = boundaries.tolist()
    if len(graphs) != len(edges) - 1:
        raise BadInput(f"graphs: expected one for each of {len(edges) - 1} sequences, got {len(graphs)}.")
    shifted = []
    for place, (graph, start, stop) in enumerate(zip(graphs, edges, edges[1:], strict=False)):
        letters = stop - start - sum(around)
        if graph.numel() and not 0 <= int(graph.min()) <= int(graph.max()) < letters:
            raise BadInput(
                f"graphs[{place}]: expected letters 0 to {letters - 1}, got edges of letters {int(graph.min())} to "
                f"{int(graph.max())}. Check that the graph was made from this sequence."
            )
        shifted.append(graph + start + around[0])
    return torch.cat(shifted, 1)


def check(edges: Graph, boundaries: BoundariesT) -> None:
    """Check that edges are valid for a batch.

    Parameters
    ----------
    edges
        Edges, int64 (2, n).
    boundaries
        Boundaries of the sequences, int64 (sequences + 1,).

    Raises
    ------
    BadInput
        Edges of another shape or type, a token index out of range, or an edge between two sequences.
    """
    if edges.ndim != 2 or edges.shape[0] != 2 or edges.dtype != torch.int64:
        raise BadInput(f"edges: expected int64 (2, n), got {edges.dtype} {tuple(edges.shape)}.")
    if not edges.shape[1]:
        return
    limits = boundaries.to(edges.device)
    if int(edges.min()) < 0 or int(edges.max()) >= int(limits[-1]):
        raise BadInput(f"edges: expected tokens 0 to {int(limits[-1]) - 1}, got {int(edges.min())} to {int(edges.max())}.")
    owner = torch.bucketize(edges, limits[1:], right=True)
    if (crossing := owner[0] != owner[1]).any():
        source, target = edges[:, int(crossing.nonzero()[0])].tolist()
        raise BadInput(
            f"edges: token {source} and token {target} are in different sequences. Join the graphs of a batch with graph.join."
        )


def _both_ways(pairs: torch.Tensor) -> Graph:
    return torch.cat([pairs, pairs.flip(0)], 1)
