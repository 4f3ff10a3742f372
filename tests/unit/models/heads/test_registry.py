"""Heads: where the centre is, what is put side by side, and that a saved head comes back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from glmkit.errors import BadInput
from glmkit.models import (
    TransformerConfig,
    load,
    load_classifier,
    load_token_classifier,
    new_classifier,
    new_model,
    new_token_classifier,
    save_head,
)
from glmkit.models.networks import pack
from glmkit.models.networks.pooling import pool_hidden
from glmkit.tokens import KmerTokenizer
from glmkit.tokens.sequences import centre_token

K4 = KmerTokenizer(4)
SHAPE: dict[str, Any] = {"vocabulary_size": 261, "width": 12, "layers": 2, "heads": 2, "feedforward": 20}


def model(seed: int = 1):
    return new_model(TransformerConfig(**SHAPE), K4, seed=seed)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("bases", [4, 5, 6, 9, 120, 121])
def test_the_centre_token_has_the_central_base_at_its_own_centre(k: int, bases: int) -> None:
    tokens = bases - k + 1
    if tokens < 1:
        pytest.skip("shorter than a k-mer")
    place = centre_token(tokens, k)
    assert 0 <= place < tokens
    if bases // 2 - (k - 1) // 2 < tokens:
        assert place + (k - 1) // 2 == bases // 2
    assert place <= bases // 2 < place + k  # it covers the central base in any case
    assert centre_token(np.array([tokens, tokens]), k).tolist() == [place, place]


def test_the_yardstick_window_as_documented() -> None:
    window = "A" * 60 + "GTC" + "A" * 58
    ids = K4.encode(window)
    assert (len(window), len(ids), centre_token(118, 4)) == (121, 118, 59)
    assert K4.vocabulary[ids[59]] == "AGTC"


def test_centre_and_mean_stand_side_by_side() -> None:
    hidden = torch.arange(24.0).view(12, 2)
    edges = torch.tensor([0, 5, 12])
    both = pool_hidden(hidden, edges, "centre+mean", 2)
    assert both.tolist() == [[6.0, 7.0, 4.0, 5.0], [18.0, 19.0, 16.0, 17.0]]
    assert pool_hidden(hidden, edges, "centre", 2).tolist() == [[6.0, 7.0], [18.0, 19.0]]


def test_head_sizes_and_their_names() -> None:
    head = new_classifier(model(), ["a", "b", "c"], pool="centre+mean", hidden=7)
    assert (head.dense.in_features, head.dense.out_features, head.out.out_features) == (24, 7, 3)
    assert head(*pack([np.arange(4, 9), np.arange(4, 34)])).shape == (2, 3)
    with pytest.raises(BadInput, match="hidden: expected at least 1 unit of the head, got 0"):
        new_classifier(model(), ["a", "b"], hidden=0)
    with pytest.raises(BadInput, match=r"pool: expected one of mean, centre, centre\+mean, first, last, cls, got \'max\'"):
        new_classifier(model(), ["a", "b"], pool="max")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="two or more classes with different names"):
        new_token_classifier(model(), ["a", "a"])


def test_one_row_of_logits_a_token_and_a_shared_network() -> None:
    base = model()
    frames = new_token_classifier(base, ["n", "c", "d", "e", "f"], seed=3)
    items = [np.arange(4, 13), np.arange(20, 27), np.arange(40, 49)]
    together = frames(*pack(items))
    assert together.shape == (25, 5)
    torch.testing.assert_close(together[9:16], frames(*pack(items[1:2])), atol=1e-5, rtol=1e-5)
    assert new_classifier(frames, ["no", "yes"]).network is base.network
    again = new_token_classifier(base, ["n", "c", "d", "e", "f"], seed=3)
    assert torch.equal(again.out.weight, frames.out.weight)


def test_saved_heads_come_back(tmp_path: Path) -> None:
    batch = pack([np.arange(4, 13), np.arange(20, 27)])
    frames = new_token_classifier(model(2), ["n", "c", "d"], dropout=0.2)
    save_head(frames, tmp_path / "frames")
    loaded = load_token_classifier(tmp_path / "frames", device="cpu")
    assert (loaded.classes, loaded.dropout, loaded.card) == (("n", "c", "d"), 0.2, frames.card)
    assert torch.equal(loaded(*batch), frames(*batch))
    starts = new_classifier(loaded, ["no", "yes"], pool="centre+mean", hidden=5)
    save_head(starts, tmp_path / "starts")
    opened = load_classifier(tmp_path / "starts", device="cpu")
    assert (opened.pool, opened.hidden) == ("centre+mean", 5)
    assert torch.equal(opened(*batch), starts(*batch))
    for door, folder, words in (
        (
            load_classifier,
            "frames",
            "contains a token classifier, expected a classifier. Use glmkit.models.load_token_classifier",
        ),
        (
            load_token_classifier,
            "starts",
            "contains a classifier, expected a token classifier. Use glmkit.models.load_classifier",
        ),
        (load, "frames", "contains a token classifier, expected a language model. Use glmkit.models.load_token_classifier"),
    ):
        with pytest.raises(BadInput, match=words):
            door(tmp_path / folder)
