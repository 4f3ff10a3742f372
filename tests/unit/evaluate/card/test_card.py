"""Results cards: what they hold, that a rerun's table is the same, and that nothing in them can run or call out.

Covers ``glmkit.evaluate.card.content``, ``glmkit.evaluate.card.page``, ``glmkit.evaluate.results.split_audits``.
"""

import json
import os
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from glmkit.errors import BadInput, ResourceError
from glmkit.evaluate import FineTuned, Fold, Task, compare, k_fold, read_card, reproduce, results_card
from glmkit.evaluate.baselines import Majority
from glmkit.evaluate.baselines.dna import PositionWeights
from glmkit.evaluate.protocols import table_differences
from tests.methods import FitScore

MARKUP = "<script>alert(1)</script>"


def task(n: int = 90, length: int = 7, groups: int = 9, seed: int = 0) -> Task:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    letters = rng.choice(list("ACGT"), (n, length))
    letters[(labels == 1) & (rng.random(n) < 0.5), 3] = "G"
    of = np.arange(n) % groups
    return Task(
        name=f"toy {MARKUP}",
        sequences=["".join(row) for row in letters],
        labels=labels,
        groups=[f"c{g}" for g in of],
        splits={"held out": Fold(np.flatnonzero(of < 6), np.flatnonzero(of >= 6))},
    )


def noisy(train, labels, test, seed):
    """A network that draws, and reports <b>markup</b>."""
    rng = np.random.default_rng([seed, len(train)])
    return np.array([0.5 * (s[3] == "G") for s in test]) + 0.5 * rng.random(len(test))


def audit(sequences, labels, parts, groups, name):
    return SimpleNamespace(
        table=pd.DataFrame({"check": [f"duplicates {MARKUP}"], "items": [len(sequences)], "share": [np.nan]}),
        verdict=f"{name}: {(parts == 'test').sum()} test items in {len(set(groups))} groups {MARKUP}.",
        leaks=True,
    )


def run(given, workers: int = 1, toy: Task | None = None, **more):
    return compare(
        toy or task(), [FitScore(f"net {MARKUP}", noisy)], [Majority(), PositionWeights()], seeds=given["seeds"], draws=given["draws"],
        workers=workers, **more,
    )  # fmt: skip


PARAMETERS = {"seeds": [0, 4], "draws": 30, "note": MARKUP, "rate": 1e-3, "weights": None}


class Page(HTMLParser):
    """Tags, addresses and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.addresses, self.text = set(), [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.addresses += [value for name, value in attrs if name in {"src", "href", "action"}]

    def handle_data(self, data):
        self.text += data


def test_one_call_audits_compares_and_writes_a_card_that_a_rerun_reproduces(tmp_path) -> None:
    table = run(PARAMETERS, audit=audit, card=tmp_path, parameters=PARAMETERS)
    card = read_card(tmp_path)
    assert card.parameters == PARAMETERS
    pd.testing.assert_frame_equal(card.frame, table.frame)
    content = json.loads((tmp_path / "card.json").read_text(), parse_constant=lambda name: pytest.fail(f"{name} in strict JSON"))
    assert content["seeds"] == {f"net {MARKUP}": [0, 4], "majority": [0], "position weights": [0]}
    assert content["audits"]["held out"]["verdict"].startswith("held out: 30 test items in 9 groups")
    assert content["audits"]["held out"]["table"][0]["share"] is None
    assert content["verdicts"] == [table.verdict()]
    assert {"python", "glmkit", "numpy", "scikit-learn"} <= set(content["versions"])
    assert re.fullmatch("[0-9a-f]{64}", content["task"]["sha256"])
    assert content["task"]["splits"]["held out"] | {"sha256": ""} == {"sha256": "", "folds": 1, "train": 60, "test": 30}
    again = reproduce(tmp_path, run, task())
    assert again.identical
    assert str(again) == ("The table came out the same, number by number. Nothing that the card records has changed since.")


def test_what_came_out_differently_is_named(tmp_path) -> None:
    run(PARAMETERS, card=tmp_path, parameters=PARAMETERS)
    other = reproduce(tmp_path, lambda parameters: run(parameters | {"seeds": [0, 5]}), task(seed=3))
    assert not other.identical
    assert set(other.differences["method"]) == {f"net {MARKUP}"}
    assert other.changed["what"].tolist() == ["data"]
    assert re.search(
        r"\d+ values in 1 rows, the first auroc of net .* on held out, 0\.\d+ then, 0\.\d+ now\. Changed", str(other)
    )
    fewer = table_differences(read_card(tmp_path), read_card(tmp_path).frame.iloc[1:])
    assert fewer.values.tolist() == [[f"net {MARKUP}", "held out", "row", "there", "missing"]]
    frame = read_card(tmp_path).frame.assign(cpu_seconds=99.0)
    assert table_differences(frame, read_card(tmp_path)).empty
    with pytest.raises(BadInput, match="two rows of the same method and split"):
        table_differences(frame, pd.concat([frame, frame]))


def test_no_string_of_the_data_becomes_markup_and_nothing_is_fetched(tmp_path) -> None:
    figure = Figure()
    figure.subplots().plot([0, 1])
    tables, figures = {f"further {MARKUP}": pd.DataFrame({MARKUP: [MARKUP]})}, {f"a line {MARKUP}": figure}
    toy = task()
    results_card(
        run(PARAMETERS), tmp_path, task=toy, parameters=PARAMETERS, models={f"net {MARKUP}": {"a": {"b": MARKUP}}}, audit=audit,
        tables=tables, figures=figures, title=MARKUP,
    )  # fmt: skip
    text = (tmp_path / "card.html").read_text()
    page = Page(text)
    assert not page.tags & {"script", "link", "iframe", "object", "a"}
    assert "b" in page.tags  # the bars; those of the data are text
    assert "<b>markup" not in text
    assert "reports <b>markup</b>" in page.text
    assert page.text.count(MARKUP) >= 12
    assert [address[:22] for address in page.addresses] == ["data:image/svg+xml;bas"]
    assert "http" not in text.replace("http-equiv", "")
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text
    first = read_card(tmp_path).content["figures"]
    results_card(run(PARAMETERS), tmp_path, task=toy, parameters={}, figures=figures)
    assert read_card(tmp_path).content["figures"] == first


def test_models_are_identified_by_their_bytes(tmp_path) -> None:
    import torch

    toy, table = task(), run(PARAMETERS)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.safetensors").write_bytes(b"abc")
    network = torch.nn.Linear(3, 2)
    network.card = {"classes": ("a", "b")}
    models = {"files": tmp_path / "model", "hash": "1f", "network": network}
    held = results_card(table, tmp_path, task=toy, parameters={}, models=models).content["models"]
    assert held["files"] == {
        "files": {"model/weights.safetensors": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
    }
    assert held["hash"] == {"identity": "1f"}
    assert held["network"]["classes"] == ["a", "b"]
    before = held["network"]["weights_sha256"]
    tuned = FineTuned(network).card
    assert tuned["language model"] == {"card": network.card, "weights_sha256": before}
    written = results_card(table, tmp_path, task=toy, parameters={}, models={"tuned": tuned}).content["models"]
    assert written["tuned"]["how"]["epochs"] >= 1
    with torch.no_grad():
        network.weight[0, 0] += 1
    assert results_card(table, tmp_path, task=toy, parameters={}, models=models).content["models"]["network"] != held["network"]
    with pytest.raises(BadInput, match=r"models: lost: .*nowhere does not exist"):
        results_card(table, tmp_path, task=toy, parameters={}, models={"lost": tmp_path / "nowhere"})


def test_a_card_that_was_changed_or_is_none_is_refused(tmp_path) -> None:
    run(PARAMETERS, card=tmp_path)
    path = tmp_path / "card.json"
    content = json.loads(path.read_text())
    value = content["rows"][0]["auroc"]
    path.write_text(path.read_text().replace(f'"auroc": {value}', '"auroc": 0.999'))
    with pytest.raises(BadInput, match="they were changed after it was written"):
        read_card(path)
    path.write_text(json.dumps(content | {"schema": 2}))
    with pytest.raises(BadInput, match="expected a card of schema 1, got 2"):
        read_card(path)
    path.write_text("{}")
    with pytest.raises(BadInput, match=r"card\.json is no results card"):
        read_card(path)
    with pytest.raises(BadInput, match="The table is of task 'toy"):
        results_card(run(PARAMETERS), tmp_path, task=Task(**(vars(task()) | {"name": "other"})), parameters={})
    with pytest.raises(
        BadInput, match=r"expected something with \.table, \.verdict and \.leaks, .* without table, verdict, leaks"
    ):
        run(PARAMETERS, audit=lambda *parts, **more: "fine")
    with pytest.raises(BadInput, match="no audit of split 'held out'; there are those of other"):
        run(PARAMETERS, audit={"other": audit([], [], np.array([]), [], "")})
    with pytest.raises(BadInput, match="give its folder with card="):
        run(PARAMETERS, parameters={})


def test_workers_change_no_number() -> None:
    crossed = k_fold(task(), 3)
    serial, parallel = run(PARAMETERS, toy=crossed), run(PARAMETERS, workers=2, toy=crossed)
    assert table_differences(serial, parallel).empty
    for one, two in zip(serial.rows, parallel.rows, strict=True):
        np.testing.assert_array_equal(one.scores, two.scores)
        assert {m: draws.tolist() for m, draws in one.draws.items()} == {m: draws.tolist() for m, draws in two.draws.items()}
    with pytest.raises(BadInput, match="workers: expected 1 or more, or -1 for one a core, got 0"):
        run(PARAMETERS, workers=0)


def test_a_worker_that_dies_says_so() -> None:
    def dies(train, labels, test, seed):
        os._exit(9)

    with pytest.raises(ResourceError, match=r"A worker process of the comparison died, .* Use fewer workers"):
        compare(task(), [FitScore("dies", dies)], [Majority()], seeds=(0,), draws=10, workers=2)
