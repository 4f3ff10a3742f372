"""Byte pairs: reversible, the same after a reload, equal to merging by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glmkit.errors import BadInput
from glmkit.tokens import BpeTokenizer, Tokenizer, load_tokenizer
from glmkit.tokens.sequences.bpe import BLOCK
from glmkit.tokens.tokenizer import canonical_hash

TEXT = ["".join(np.random.default_rng(seed).choice(["TATAAT", "AGGAGG", "A", "C", "G"], 700)) for seed in range(3)]


@pytest.fixture(scope="module")
def tokenizer() -> BpeTokenizer:
    return BpeTokenizer.train(TEXT, 60)


def by_hand(sequence: str, merges: tuple[tuple[str, str], ...]) -> list[str]:
    parts = list(sequence)
    for left, right in merges:
        merged: list[str] = []
        i = 0
        while i < len(parts):
            take = 2 if parts[i : i + 2] == [left, right] else 1
            merged.append("".join(parts[i : i + take]))
            i += take
        parts = merged
    return parts


def test_the_vocabulary(tokenizer: BpeTokenizer) -> None:
    assert isinstance(tokenizer, Tokenizer)
    assert len(tokenizer.vocabulary) == 60
    assert tokenizer.vocabulary[:9] == ("<cls>", "<pad>", "<eos>", "<unk>", "A", "C", "G", "T", "N")
    assert tokenizer.vocabulary[-1] == "<mask>"
    assert {"TATAAT", "AGGAGG"} <= set(tokenizer.vocabulary)
    assert np.flatnonzero(~tokenizer.maskable).tolist() == [0, 1, 2, 3, 8, 59]
    assert tokenizer.bases_per_token is None


@settings(deadline=None)
@given(sequence=st.lists(st.sampled_from(["TATAAT", "AGGAGG", "A", "C", "G", "T", "N"]), max_size=40).map("".join))
def test_equal_to_merging_by_hand_and_reversible(tokenizer: BpeTokenizer, sequence: str) -> None:
    ids = tokenizer.encode(sequence)
    assert ids.dtype == np.uint8
    assert [tokenizer.vocabulary[i] for i in ids] == by_hand(sequence, tokenizer.merges)
    assert tokenizer.decode(ids) == sequence


def test_blocks_bound_the_work(tokenizer: BpeTokenizer) -> None:
    sequence = ("TATAATAGGAGGC" * BLOCK)[: 70 * BLOCK + 5]
    ids = tokenizer.encode(sequence)
    assert tokenizer.decode(ids) == sequence
    ends = np.cumsum([len(tokenizer.vocabulary[i]) for i in ids])
    assert set(range(BLOCK, len(sequence), BLOCK)) <= set(ends.tolist())


def test_case_ambiguity_and_special_tokens(tokenizer: BpeTokenizer) -> None:
    assert tokenizer.decode(tokenizer.encode("acgtR")) == "ACGTN"
    assert tokenizer.decode(np.array([0, 4, 59, 3, 2, 1])) == "ANN"
    assert len(tokenizer.encode("")) == 0
    with pytest.raises(BadInput, match="got '\\*' at position 2"):
        tokenizer.encode("AC*")


def test_training_twice_gives_the_same(tokenizer: BpeTokenizer) -> None:
    assert BpeTokenizer.train(TEXT, 60).hash == tokenizer.hash


def test_save_and_load(tmp_path: Path, tokenizer: BpeTokenizer) -> None:
    path = tokenizer.save(tmp_path)
    loaded = load_tokenizer(tmp_path)
    assert loaded.hash == tokenizer.hash
    assert (loaded.encode(TEXT[0]) == tokenizer.encode(TEXT[0])).all()
    value = json.loads(path.read_text())
    value["merges"][0], value["merges"][1] = value["merges"][1], value["merges"][0]
    path.write_text(json.dumps(value))
    with pytest.raises(BadInput, match="was changed after it was written"):
        load_tokenizer(tmp_path)
    body = {key: item for key, item in value.items() if key not in {"format", "version", "hash"}}
    path.write_text(json.dumps(value | {"hash": canonical_hash(body)}))
    with pytest.raises(BadInput, match=r"does not match the merges|unknown part"):
        load_tokenizer(tmp_path)


def test_what_cannot_be_trained_is_refused() -> None:
    with pytest.raises(BadInput, match="more than 10 entries"):
        BpeTokenizer.train(["ACGT"], 10)
    with pytest.raises(BadInput, match="No merges to learn"):
        BpeTokenizer.train(["NNNN"], 20)
    with pytest.raises(BadInput, match="got 'E' at position 1"):
        BpeTokenizer.train(["MEAT"], 20)
