"""Pieces of a store: every token once, no piece too long, no stump."""

from pathlib import Path

import numpy as np
import pytest

from glmkit.data import Pieces
from glmkit.errors import BadInput
from glmkit.tokens import TokenStore, make_tokenizer

PROTEINS = {"short": "MKT", "even": "ACDEFGHIKL", "long": "ACDEFGHIKLMNPQRSTVWYA"}  # 3, 10 and 21 residues


@pytest.fixture
def store(tmp_path: Path) -> TokenStore:
    letters = make_tokenizer("protein")
    return TokenStore.write(tmp_path / "store", ((name, letters.encode(s), None) for name, s in PROTEINS.items()), letters)


def test_every_token_stands_in_one_piece(store: TokenStore) -> None:
    pieces = Pieces(store, 10)
    assert pieces.lengths.tolist() == [3, 10, 7, 7, 7]
    assert np.array_equal(np.concatenate([pieces[i] for i in range(len(pieces))]), store.tokens)


def test_only_the_named_items_are_used(store: TokenStore) -> None:
    pieces = Pieces(store, 100, ["long", "short"])
    letters = store.tokenizer()
    assert [letters.decode(pieces[i]) for i in range(len(pieces))] == [PROTEINS["short"], PROTEINS["long"]]


def test_the_hash_knows_items_and_length(store: TokenStore) -> None:
    hashes = {Pieces(store, 10).hash, Pieces(store, 11).hash, Pieces(store, 10, ["long"]).hash}
    assert len(hashes) == 3
    assert Pieces(store, 10).hash == Pieces(store, 10).hash


@pytest.mark.parametrize(
    ("length", "names", "words"),
    [(0, None, "at least 1 token"), (5, ["other"], "has no 'other'"), (5, [], "No items were given")],
)
def test_what_cannot_be_cut_is_said(store: TokenStore, length: int, names: list[str] | None, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Pieces(store, length, names)
