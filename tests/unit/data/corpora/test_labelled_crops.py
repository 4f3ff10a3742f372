"""Crops with labels: each token's label is that of the base it stands for."""

from pathlib import Path

import numpy as np
import pytest

from glmkit.bio import Interval
from glmkit.data import Crops, LabelledCrops
from glmkit.errors import BadInput
from glmkit.tokens import TokenStore, make_tokenizer

BASES = {"a": 61, "b": 90}


def crops(folder: Path, name: str = "kmer4", length: int = 11, stride: int | None = None) -> Crops:
    tokenizer = make_tokenizer(name)
    rng = np.random.default_rng(0)
    items = [(key, tokenizer.encode("".join(rng.choice(list("ACGT"), n))), None) for key, n in BASES.items()]
    store = TokenStore.write(folder / name, items, tokenizer)
    return Crops(store, [Interval("b", 3, 90), Interval("a", 0, 61)], length, stride)


@pytest.mark.parametrize(("name", "centre"), [("base", 0), ("kmer2", 0), ("kmer3", 1), ("kmer4", 1), ("kmer6", 2)])
def test_a_token_has_the_label_of_its_central_base(tmp_path: Path, name: str, centre: int) -> None:
    windows = crops(tmp_path, name)
    labels = {key: np.arange(n) for key, n in BASES.items()}  # each base's label is its place
    labelled = LabelledCrops(windows, labels)
    assert len(labelled) == len(windows)
    for i in range(len(labelled)):
        start = labelled.where(i).start
        assert labelled.labels(i).tolist() == list(range(start + centre, start + centre + 11))
        assert (labelled[i] == windows[i]).all()
        assert labelled.lengths[i] == 11


def test_no_window_shows_a_base_outside_its_interval(tmp_path: Path) -> None:
    windows = crops(tmp_path, stride=1)
    shown = [windows.where(i) for i in range(len(windows))]
    assert {len(place) for place in shown} == {14}
    assert max(place.end for place in shown if place.reference == "b") == 90
    assert min(place.start for place in shown if place.reference == "b") == 3
    assert len(windows) == (87 - 13) + (61 - 13)


def test_windows_without_a_label_are_left_out(tmp_path: Path) -> None:
    windows = crops(tmp_path)
    labels = {key: np.full(n, -1) for key, n in BASES.items()}
    labels["b"][40] = 2
    labelled = LabelledCrops(windows, labels)
    assert [place.reference for place in map(labelled.where, range(len(labelled)))] == ["b"]
    assert labelled.labels(0).tolist().count(2) == 1
    assert labelled.labels(0).tolist().index(2) + labelled.where(0).start + 1 == 40
    assert labelled.hash != LabelledCrops(windows, labels | {"a": np.zeros(61, int)}).hash


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    windows = crops(tmp_path)
    whole = {key: np.zeros(n, int) for key, n in BASES.items()}
    with pytest.raises(BadInput, match=r"There are no labels for 'b'; the labels given are for \['a'\]"):
        LabelledCrops(windows, {"a": whole["a"]})
    with pytest.raises(BadInput, match=r"'a' has 61 bases; expected an integer for each, got int64 \(58,\)"):
        LabelledCrops(windows, whole | {"a": whole["a"][:58]})
    with pytest.raises(BadInput, match="None of the 12 windows has a label other than -1"):
        LabelledCrops(windows, {key: np.full(n, -1) for key, n in BASES.items()})
    apart = make_tokenizer("kmer3_apart")
    store = TokenStore.write(tmp_path / "apart", [("a", apart.encode("ACGTTA" * 9), None)], apart)
    coarse = Crops(store, [Interval("a", 0, 18)], 6)
    with pytest.raises(BadInput, match="holds 'kmer' tokens of several bases each"):
        LabelledCrops(coarse, whole)
    with pytest.raises(BadInput, match="does not lie within the 61 bases of 'a'"):
        Crops(windows.store, [Interval("a", 0, 62)], 11)
