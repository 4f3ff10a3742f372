"""Crops: every window inside its interval, equal to the slice it says it is."""

from pathlib import Path

import numpy as np
import pytest

from glmkit.bio import Interval
from glmkit.data import Crops, split_blocks
from glmkit.errors import BadInput
from glmkit.tokens import BaseTokenizer, TokenStore


@pytest.fixture
def store(tmp_path: Path) -> TokenStore:
    letters = np.random.default_rng(0).choice(list("ACGT"), 1100)
    encode = BaseTokenizer().encode
    items = [
        ("short", encode("".join(letters[:90])), None),
        ("long", encode("".join(letters[90:])), np.array([[40, 55], [61, 62], [500, 640]])),
    ]
    return TokenStore.write(tmp_path / "store", items, BaseTokenizer())


def test_windows_are_the_slices_they_say(store: TokenStore) -> None:
    intervals = [Interval("long", 10, 120), Interval("short", 0, 90), Interval("long", 900, 929)]
    crops = Crops(store, intervals, length=30, stride=20)
    assert [crops.where(i) for i in range(len(crops))] == [
        *(Interval("long", s, s + 30) for s in (10, 30, 50, 70, 90)),
        *(Interval("short", s, s + 30) for s in (0, 20, 40, 60)),
    ]
    assert crops.lengths.tolist() == [30] * 9
    for i in range(len(crops)):
        where = crops.where(i)
        item = store.names.index(where.reference)
        assert (crops[i] == store[item][where.start : where.end]).all()
        expected = np.where(store.soft_masked(item)[where.start : where.end], 0.1, 1)
        assert crops.weights(i).dtype == np.float32
        np.testing.assert_allclose(crops.weights(i), expected, rtol=1e-6)
    assert np.concatenate([crops.weights(i) for i in range(5)]).min() < 1


def test_no_window_of_one_part_reaches_another(store: TokenStore) -> None:
    split = split_blocks(dict(zip(store.names, store.lengths.tolist(), strict=True)), block=90, gap=31)
    used = {part: np.zeros(1010, int) for part in ("train", "validation", "test")}
    for part, hits in used.items():
        for crop in map(Crops(store, split.items(part), 29, 5).where, range(len(Crops(store, split.items(part), 29, 5)))):
            if crop.reference == "long":
                hits[crop.start : crop.end] = 1
    assert sum(used.values()).max() == 1
    assert used["train"].sum() > 600


def test_the_hash_follows_the_windows(store: TokenStore) -> None:
    part = [Interval("long", 0, 900)]
    first = Crops(store, part, 30)
    assert first.hash == Crops(store, part, 30, 30).hash
    assert len({first.hash, Crops(store, part, 30, 29).hash, Crops(store, part, 29, 30).hash}) == 3
    assert first.tokenizer_hash == store.tokenizer_hash


@pytest.mark.parametrize(
    ("interval", "length", "stride", "words"),
    [
        (Interval("chr1", 0, 50), 9, 9, "has no 'chr1'; it has ['short', 'long']"),
        (Interval("short", 50, 91), 9, 9, "does not lie within the 90 tokens of 'short'"),
        (Interval("short", 0, 50), 60, 9, "No window of 60 tokens fits: the longest interval has 50"),
        (Interval("short", 0, 50), 0, 9, "Expected length and stride of at least 1"),
    ],
)
def test_what_cannot_be_is_refused(store: TokenStore, interval: Interval, length: int, stride: int, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        Crops(store, [interval], length, stride)
    assert words in str(caught.value)
