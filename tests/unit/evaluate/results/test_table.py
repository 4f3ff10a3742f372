"""Tables of results: the headline metric, the headline table, sentences on several methods, two splits, and audits.

Covers ``glmkit.evaluate.results.rows`` too.
"""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from glmkit.errors import BadInput
from glmkit.evaluate import METRICS, Fold, Table, Task, Trained, bootstrap, combine, compare, few_shot, read_card, zero_shot
from glmkit.evaluate.baselines import Majority
from glmkit.evaluate.metrics.registry import DEFAULTS, HEADLINES, KINDS, choose_headline
from glmkit.files import read_json, write_json


def task() -> Task:
    items = list(range(120))
    groups = [i // 6 for i in items]
    splits = {"far": Fold(np.arange(60), np.arange(60, 90)), "near": Fold(np.arange(60), np.arange(90, 120))}
    return Task(name="toy", sequences=items, labels=np.arange(120) % 2, groups=groups, splits=splits)


def network(name: str, noise: float) -> Trained:
    """Labels with noise; each seed draws its own."""

    def predict(items, seed):
        draws = np.random.default_rng([seed, len(items)]).random(len(items))
        return (np.array(items) % 2 + noise * draws) / (1 + noise)

    return Trained(name, f"noise {noise}", predict)


def audit(sequences, labels, parts, groups, name):
    table = pd.DataFrame({"check": ["duplicates", "length"], "value": [0.0, float(len(sequences))]})
    return SimpleNamespace(table=table, verdict=f"{(parts == 'test').sum()} test items.", leaks=False)


@pytest.fixture(scope="module")
def table() -> Table:
    models = [network("poor", 4.0), network("good", 1.5)]
    return compare(task(), models, [Majority()], seeds=(0, 1), draws=60, audit=audit)


def test_the_headline_table_ranks_and_rounds(table: Table) -> None:
    shown = table.headline_table(("accuracy", "f1"), "far", columns=["kind", "n_test"])
    assert list(shown.columns) == ["method", "auroc", "auroc_low", "auroc_high", "accuracy", "macro F1", "kind", "n_test"]
    assert shown["method"].tolist() == ["good", "poor", "majority"]
    assert shown["auroc"].is_monotonic_decreasing
    row = table.row("poor", "far")
    assert shown.loc[1, ["auroc", "auroc_low", "auroc_high"]].tolist() == list(row.estimates["auroc"])
    value, low, high = row.estimates["f1"]
    assert shown.loc[1, "macro F1"] == f"{value:.3f} [{low:.3f}, {high:.3f}]"
    assert shown.loc[2, ["kind", "n_test"]].tolist() == ["baseline", 30]


def test_the_headline_table_of_several_splits_names_them(table: Table) -> None:
    shown = table.headline_table([])
    assert list(shown.columns) == ["split", "method", "auroc", "auroc_low", "auroc_high"]
    assert shown["split"].tolist() == ["far"] * 3 + ["near"] * 3
    assert shown["method"].tolist() == 2 * ["good", "poor", "majority"]
    assert list(table.headline_table(split="near").columns[4:]) == [
        METRICS[name].title for name in table.metrics if name != "auroc"
    ]
    with pytest.raises(BadInput, match="metrics: expected some of auroc, auprc, accuracy, f1, mcc, got 'ece'"):
        table.headline_table(["ece"])
    with pytest.raises(BadInput, match=r"columns: expected some of method, kind, .*, got 'colour'"):
        table.headline_table(columns=["colour"])
    with pytest.raises(BadInput, match="No split 'middle' in this table"):
        table.headline_table(split="middle")


def test_sentences_cover_each_split_and_method(table: Table) -> None:
    expected = [table.sentence("good", other, split) for split in ("far", "near") for other in ("majority", "poor")]
    assert table.sentences("good", ["majority", "a method left out", "poor"]) == expected
    assert table.sentences("good", split="near", metric="mcc") == [
        table.sentence("good", other, "near", "mcc") for other in ("poor", "majority")
    ]
    more = combine(table, compare(task(), [network("extra", 1.0)], [], ["far"], seeds=(0, 1), draws=60))
    assert more.sentences("good", ["extra"]) == [more.sentence("good", "extra", "far")]
    with pytest.raises(BadInput, match="none of a, b is in the table; it has poor, good, majority"):
        table.sentences("good", ["a", "b"])
    with pytest.raises(BadInput, match="No method 'best' in this table"):
        table.sentences("best", ["poor"])


def test_two_splits_are_compared_without_pairing(table: Table) -> None:
    found = table.split_differences("near", "far").set_index("method")
    assert list(found.columns) == ["AUROC, far", "AUROC, near", "difference", "difference_low", "difference_high"]
    near, far = table.row("poor", "near"), table.row("poor", "far")
    gap = near.draws["auroc"] - far.draws["auroc"][::-1]
    expected = near.estimates["auroc"].value - far.estimates["auroc"].value, *np.quantile(gap, [0.025, 0.975])
    assert found.loc["poor", ["difference", "difference_low", "difference_high"]].tolist() == pytest.approx(list(expected))
    assert found.loc["majority"].tolist() == [0.5, 0.5, 0.0, 0.0, 0.0]
    other = compare(task(), [network("good", 1.5)], [], ["far"], seeds=(0, 1), draws=60)
    both = table.split_differences("near", "far", other, metric="mcc")
    assert both["method"].tolist() == ["good"]
    assert list(both.columns[1:3]) == ["MCC, far", "MCC, near"]
    fewer = compare(task(), [network("good", 1.5)], [], ["far"], seeds=(0, 1), draws=61)
    with pytest.raises(BadInput, match="table: good has another number of draws on far than on near"):
        table.split_differences("near", "far", fewer)


def test_audits_are_one_table_and_a_sentence_each(table: Table) -> None:
    summary = table.audit_summary()
    assert summary.table["split"].tolist() == ["far", "far", "near", "near"]
    assert list(summary.table.columns) == ["split", "check", "value"]
    assert summary.verdicts == ["far: 30 test items.", "near: 30 test items."]
    assert "split" not in table.audits["far"].table.columns
    assert table.methods == ["poor", "good", "majority"]
    empty = compare(task(), [], [Majority()], draws=20).audit_summary()
    assert (len(empty.table), empty.verdicts) == (0, [])


def test_every_kind_has_a_default_headline_among_its_defaults() -> None:
    assert set(HEADLINES) == set(KINDS)
    for kind, name in HEADLINES.items():
        assert name in DEFAULTS[kind]
        assert choose_headline(DEFAULTS[kind], kind) == name
    assert choose_headline(["f1", "auroc"], "classification") == "auroc"
    assert choose_headline(["f1", "mcc"], "classification") == "f1"
    assert choose_headline(["f1", "auroc"], "classification", "f1") == "f1"
    with pytest.raises(BadInput, match="headline: expected one of the metrics f1, mcc, got 'auroc'"):
        choose_headline(["f1", "mcc"], "classification", "auroc")
    with pytest.raises(BadInput, match="metrics: expected at least one, got none"):
        choose_headline([], "classification")


def test_the_headline_named_ranks_and_is_in_verdict_and_card(tmp_path) -> None:
    models, given = [network("good", 1.5), network("poor", 4.0)], {"metrics": ["auroc", "brier"], "headline": "brier"}
    table = compare(task(), models, [Majority()], ["far"], seeds=(0,), draws=40, card=tmp_path, **given)
    assert (table.headline, table.metrics) == ("brier", ("auroc", "brier"))
    assert table.summary()["method"].tolist()[0] == "good"
    assert table.headline_table().columns[1] == "brier"
    assert "good (best of 2 models) with Brier score" in table.verdict()
    card = read_card(tmp_path)
    assert card.content["headline"] == "brier"
    assert "Brier score: lower is better, range [0, 2]" in card.page.read_text()
    curve = few_shot(task(), models, [], (8, 16), (0, 1), ["far"], draws=20, **given)
    assert curve.headline == "brier"
    order = zero_shot(task(), [network("unfitted", 1.0)], splits=["far"], draws=40, headline="auprc")
    assert (order.headline, combine(order, table).headline, combine(table, order).headline) == ("auprc", "auroc", "auroc")
    with pytest.raises(BadInput, match="headline: expected one of the metrics auroc, brier, got 'mcc'"):
        compare(task(), models, [], metrics=["auroc", "brier"], headline="mcc")
    content = read_json(tmp_path / "card.json")
    del content["headline"]
    write_json(tmp_path / "card.json", content)
    assert read_card(tmp_path).content["headline"] == "auroc"


def test_a_metric_states_direction_and_range() -> None:
    assert METRICS["auroc"].direction == "higher is better, range [0, 1]"
    assert METRICS["r2"].direction == "higher is better, range [−∞, 1]"
    rng = np.random.default_rng(0)
    labels, values = np.arange(60) % 2, rng.normal(size=(60, 3))
    probabilities = np.abs(rng.normal(size=(60, 3)))
    given = {
        "classification": (labels, np.r_[1.0 - labels[:30], labels[30:]]),
        "regression": (values[:, 0], -values[:, 0]),
        "multiclass": (np.arange(60) % 3, probabilities / probabilities.sum(1, keepdims=True)),
        "multioutput": (values, -values),
    }
    for name, metric in METRICS.items():
        for kind in [kind for kind in KINDS if metric.fits(kind)]:
            low, high = metric.bounds
            assert low <= bootstrap(name, *given[kind], draws=20).value <= high, name
