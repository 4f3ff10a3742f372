"""The protocol of methods: one error before fitting, networks trained elsewhere, and cards kept."""

import json

import numpy as np
import pytest

from glmkit.errors import BadInput
from glmkit.evaluate import Fold, Task, Trained, compare
from glmkit.evaluate.baselines import Majority, MarkovModel, RecurrentLanguage, RecurrentNetwork
from glmkit.evaluate.baselines.cells import ClassShares, MeanOutputs
from glmkit.evaluate.baselines.dna import KmerLinear, PositionWeights
from glmkit.evaluate.baselines.protein import AlignmentColumns, BlastNeighbour, NearestRelative
from glmkit.evaluate.method import check_fitted


def task() -> Task:
    items = [f"item {i}" for i in range(40)]
    fold = Fold(np.arange(20), np.arange(20, 40))
    return Task(name="toy", sequences=items, labels=np.arange(40) % 2, groups=items, splits={"held out": fold})


def truth(items: list[str]) -> np.ndarray:
    return np.array([int(item.split()[1]) % 2 for item in items], dtype=float)


@pytest.mark.parametrize(
    "method",
    [
        Majority(), KmerLinear(), PositionWeights(), RecurrentNetwork(), RecurrentLanguage(), ClassShares(), MeanOutputs(),
        AlignmentColumns(), BlastNeighbour(), NearestRelative(),
    ],
    ids=lambda method: type(method).__name__,
)  # fmt: skip
def test_scores_before_fitting_are_one_error(method: object) -> None:
    with pytest.raises(BadInput, match=rf"^{method.name} has not been fitted\. Call fit with the training data first\.$"):
        method.score(["ACGT"])


def test_a_method_without_a_name_is_shown_by_its_repr() -> None:
    with pytest.raises(BadInput, match=r"^MarkovModel\(.*\) has not been fitted\. Call fit"):
        MarkovModel(1).bits_per_base(["ACGT", "ACGT"])
    assert check_fitted(Majority(), 0.0) == 0.0


@pytest.mark.parametrize("workers", [1, 2])
def test_the_seed_selects_the_trained_network(workers: int) -> None:
    networks = {3: 0.2, 5: -0.9}
    seen = Trained("by seed", "one network a seed", lambda items, seed: 0.5 + networks[seed] * (truth(items) - 0.5))
    table = compare(task(), [seen], [Majority()], seeds=(3, 5), draws=20, workers=workers)
    row = table.row("by seed")
    assert row.seeds == [3, 5]
    np.testing.assert_allclose(row.scores.mean(1), 0.5)
    assert (row.scores[:, row.labels == 1].mean(1) > 0.5).tolist() == [True, False]
    assert (row.kind, row.description) == ("model", "one network a seed")


def test_a_method_without_randomness_is_scored_once() -> None:
    seen: list[int] = []

    def predict(items, seed):
        seen.append(seed)
        return truth(items)

    table = compare(task(), [], [Trained("fixed", "no seed", predict, random=False)], seeds=(3, 5), draws=20)
    assert seen == [3]
    assert (table.row("fixed").seeds, table.row("fixed").kind) == ([3], "baseline")


def test_the_card_of_a_method_is_kept(tmp_path) -> None:
    models = [Trained("net", "a network", lambda items, seed: truth(items), card={"sha256": "abc"})]
    compare(task(), models, [Trained("old", "another", lambda items, seed: truth(items), card="v1")], draws=20, card=tmp_path)
    assert json.loads((tmp_path / "card.json").read_text())["models"] == {"net": {"sha256": "abc"}, "old": {"identity": "v1"}}
