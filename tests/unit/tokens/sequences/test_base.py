"""Single bases: equal to a dictionary look-up, strict, reversible."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glmkit.errors import BadInput
from glmkit.tokens import BaseTokenizer, Tokenizer, load_tokenizer, make_tokenizer
from glmkit.tokens.sequences.base import SLICE

DICTIONARY = {letter: 4 + i for i, letter in enumerate("ACGT")} | dict.fromkeys("NRYSWKMBDHV", 8)


def test_the_vocabulary_is_the_one_agreed() -> None:
    tokenizer = make_tokenizer("base")
    assert isinstance(tokenizer, Tokenizer)
    assert tokenizer.vocabulary == ("<cls>", "<pad>", "<eos>", "<unk>", "A", "C", "G", "T", "N", "<mask>")
    assert (tokenizer.bos_id, tokenizer.pad_id, tokenizer.eos_id, tokenizer.unk_id, tokenizer.mask_id) == (0, 1, 2, 3, 9)
    assert tokenizer.maskable.tolist() == [False] * 4 + [True] * 4 + [False] * 2
    assert BaseTokenizer().letter_ids.tolist() == [4, 5, 6, 7]


@given(st.text("ACGTNRYSWKMBDHVacgtnryswkmbdhv", max_size=70))
def test_encode_equals_a_dictionary(sequence: str) -> None:
    ids = BaseTokenizer().encode(sequence)
    assert ids.dtype == np.uint8
    assert ids.tolist() == [DICTIONARY[letter] for letter in sequence.upper()]


@given(st.text("ACGTN", max_size=70))
def test_round_trip(sequence: str) -> None:
    tokenizer = BaseTokenizer()
    assert tokenizer.decode(tokenizer.encode(sequence)) == sequence


def test_slices_join_without_a_seam() -> None:
    sequence = "ACGTN" * (SLICE // 5 + 7)
    assert BaseTokenizer().decode(BaseTokenizer().encode(sequence)) == sequence


def test_decode_leaves_out_what_stands_for_no_base() -> None:
    assert BaseTokenizer().decode(np.array([0, 4, 9, 3, 7, 2, 1, 1])) == "ANNT"


@pytest.mark.parametrize(
    ("sequence", "words"),
    [
        ("ACGU", "got 'U' at position 3 (from 0). Replace U by T in RNA."),
        ("A" * SLICE + "C-", f"got '-' at position {SLICE + 1}"),
        ("ACé", "got 'é' at position 2"),
        ("MKV*", "got '*' at position 3"),
    ],
)
def test_strange_letters_are_named_with_their_place(sequence: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        BaseTokenizer().encode(sequence)
    assert words in str(caught.value)


def test_an_id_outside_the_vocabulary_is_named() -> None:
    with pytest.raises(BadInput, match="Id 10 at position 1 is outside the vocabulary of 10 entries"):
        BaseTokenizer().decode(np.array([4, 10]))


def test_save_and_load(tmp_path: Path) -> None:
    BaseTokenizer().save(tmp_path)
    loaded = load_tokenizer(tmp_path)
    assert isinstance(loaded, BaseTokenizer)
    assert loaded.hash == BaseTokenizer().hash == json.loads((tmp_path / "tokenizer.json").read_text())["hash"]


def test_the_hash_does_not_drift() -> None:
    """Stores and models on disk carry it: a change here orphans them all."""
    assert BaseTokenizer().hash == "748da844eb56d3462d0b05a54799dcf7ac5a5a5de21ae66baf450b61fff0c66c"


def test_a_permuted_vocabulary_is_refused(tmp_path: Path) -> None:
    path = BaseTokenizer().save(tmp_path)
    path.write_text(path.read_text().replace('"A"', '"x"').replace('"C"', '"A"').replace('"x"', '"C"'))
    with pytest.raises(BadInput, match=r"was changed after it was written.*Ids may be permuted"):
        load_tokenizer(tmp_path)


def test_a_future_version_a_strange_file_and_no_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        load_tokenizer(tmp_path)
    path = BaseTokenizer().save(tmp_path)
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(BadInput, match="has format version 2; this glmkit reads 1"):
        load_tokenizer(tmp_path)
    path.write_text("[]")
    with pytest.raises(BadInput, match="is not a glmkit tokenizer"):
        load_tokenizer(tmp_path)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(BadInput, match=r"Unknown tokenizer 'bases'. Expected 'base', 'kmer1' to 'kmer8'"):
        make_tokenizer("bases")
