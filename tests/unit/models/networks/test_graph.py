"""Edges over packed tokens: the right ones, and none from one sequence to another."""

from typing import Any

import numpy as np
import pytest
import torch

from glmkit.errors import BadInput
from glmkit.models.networks import graph

BOUNDARIES = torch.tensor([0, 4, 5, 10])


def pairs(edges: torch.Tensor) -> set[tuple[int, int]]:
    assert len({tuple(pair) for pair in edges.T.tolist()}) == edges.shape[1]  # none twice
    return {(source, target) for source, target in edges.T.tolist()}


@pytest.mark.parametrize("reach", [1, 2, 30])
def test_a_chain_stays_within_its_sequence(reach: int) -> None:
    owner = [0] * 4 + [1] + [2] * 5
    expected = {(i, j) for i in range(10) for j in range(10) if i != j and abs(i - j) <= reach and owner[i] == owner[j]}
    edges = graph.chain(BOUNDARIES, reach)
    assert pairs(edges) == expected
    graph.check(edges, BOUNDARIES)
    assert graph.chain(torch.tensor([0, 1])).shape == (2, 0)


def test_nearest_neighbours_by_hand() -> None:
    places = np.random.default_rng(0).normal(size=(13, 3)) * 9
    places[4] = np.nan
    edges = graph.knn(places, 3)
    assert edges.shape == (2, 36)
    for target in range(13):
        away = np.linalg.norm(places - places[target], axis=1)
        away[target] = np.inf
        nearest = [] if target == 4 else np.argsort(away)[:3].tolist()
        assert edges[0, edges[1] == target].tolist() == nearest
    assert pairs(graph.knn(places[:3], 8)) == {(i, j) for i in range(3) for j in range(3) if i != j}
    assert graph.knn(places[3:5], 8).shape == (2, 0)
    same = graph.knn(np.zeros((9, 3)), 2)
    assert same.shape == (2, 18)
    assert (same[0] != same[1]).all()


def test_contacts_above_the_threshold_both_ways() -> None:
    map_LL = np.zeros((7, 7))
    map_LL[0, 5], map_LL[1, 2], map_LL[2, 6], map_LL[6, 0] = 0.9, 0.8, 0.4, 1.0
    map_LL[3, 6] = np.nan
    assert pairs(graph.from_contacts(map_LL, 0.5)) == {(0, 5), (5, 0), (1, 2), (2, 1)}
    assert pairs(graph.from_contacts(map_LL, 0.3, separation=4)) == {(0, 5), (5, 0), (2, 6), (6, 2)}


def test_graphs_are_joined_behind_special_tokens() -> None:
    parts = [torch.tensor([[0, 1], [1, 0]]), torch.zeros(2, 0, dtype=torch.int64), torch.tensor([[2], [0]])]
    boundaries = torch.tensor([0, 4, 7, 12])
    edges = graph.join(parts, boundaries, (1, 1))
    assert edges.tolist() == [[1, 2, 10], [2, 1, 8]]
    graph.check(edges, boundaries)
    with pytest.raises(BadInput, match=r"graphs\[2\]: expected letters 0 to 1, got edges of letters 0 to 2"):
        graph.join(parts, torch.tensor([0, 4, 7, 11]), (1, 1))
    with pytest.raises(BadInput, match="expected one for each of 3 sequences, got 2"):
        graph.join(parts[:2], boundaries)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: graph.check(torch.tensor([[3], [4]]), BOUNDARIES), "token 3 and token 4 are in different sequences"),
        (lambda: graph.check(torch.tensor([[9], [10]]), BOUNDARIES), "expected tokens 0 to 9, got 9 to 10"),
        (lambda: graph.check(torch.zeros(3, 2, dtype=torch.int64), BOUNDARIES), r"expected int64 \(2, n\), got torch.int64 \(3, 2\)"),
        (lambda: graph.check(torch.zeros(2, 3), BOUNDARIES), r"expected int64 \(2, n\), got torch.float32 \(2, 3\)"),
        (lambda: graph.chain(BOUNDARIES, 0), "reach: expected 1 or more, got 0"),
        (lambda: graph.knn(np.zeros((5, 2))), r"expected Cα atoms \(L, 3\), got \(5, 2\)"),
        (lambda: graph.knn(np.zeros((5, 3)), 0), "k: expected 1 or more neighbours, got 0"),
        (lambda: graph.from_contacts(np.zeros((5, 4))), r"expected \(L, L\), got \(5, 4\)"),
        (lambda: graph.from_contacts(np.zeros((5, 5)), separation=0), "separation: expected 1 or more, got 0"),
    ],
)  # fmt: skip
def test_bad_inputs(call: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call()
