"""k-mers: equal to a dictionary over slices of the string, at every k, overlapping and apart."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glmkit.errors import BadInput
from glmkit.tokens import KmerTokenizer, Tokenizer, load_tokenizer, make_tokenizer
from glmkit.tokens.sequences.base import SLICE

TOKENIZERS = {(k, overlapping): KmerTokenizer(k, overlapping) for k in range(1, 9) for overlapping in (True, False)}


def by_dictionary(sequence: str, k: int, overlapping: bool) -> list[int]:
    numbers = {"".join(letters): 4 + i for i, letters in enumerate(product("ACGT", repeat=k))}
    return [numbers.get(sequence[i : i + k], 3) for i in range(0, len(sequence) - k + 1, 1 if overlapping else k)]


@settings(max_examples=40, deadline=None)
@given(st.text("ACGTNacgtR", max_size=45), st.sampled_from([1, 2, 3, 4, 5, 6, 7]), st.booleans())
def test_encode_equals_a_dictionary(sequence: str, k: int, overlapping: bool) -> None:
    tokenizer = TOKENIZERS[k, overlapping]
    ids = tokenizer.encode(sequence)
    assert ids.dtype == tokenizer.dtype
    assert ids.tolist() == by_dictionary(sequence.upper(), k, overlapping)


@given(st.text("ACGT", max_size=45), st.integers(1, 8), st.booleans())
def test_round_trip(sequence: str, k: int, overlapping: bool) -> None:
    tokenizer = TOKENIZERS[k, overlapping]
    whole = (len(sequence) if len(sequence) >= k else 0) if overlapping else len(sequence) // k * k
    assert tokenizer.decode(tokenizer.encode(sequence)) == sequence[:whole]


@given(st.text("ACGTN", min_size=3, max_size=45))
def test_bases_that_no_3_mer_tells_read_n(sequence: str) -> None:
    tokenizer = TOKENIZERS[3, True]
    decoded = tokenizer.decode(tokenizer.encode(sequence))
    told = [
        any("N" not in sequence[i : i + 3] for i in range(max(j - 2, 0), j + 1) if i + 3 <= len(sequence))
        for j in range(len(sequence))
    ]
    assert decoded == "".join(base if known else "N" for base, known in zip(sequence, told, strict=True))


@pytest.mark.parametrize(("k", "overlapping"), [(6, True), (6, False), (5, False)])
def test_slices_join_without_a_seam(k: int, overlapping: bool) -> None:
    letters = np.random.default_rng(0).choice(list("ACGTACGTACGTN"), 2 * SLICE + 11)
    sequence = "".join(letters)
    assert TOKENIZERS[k, overlapping].encode(sequence).tolist() == by_dictionary(sequence, k, overlapping)


def test_the_vocabulary_is_in_alphabetical_order() -> None:
    tokenizer = make_tokenizer("kmer2")
    assert isinstance(tokenizer, Tokenizer)
    assert tokenizer.vocabulary[:8] == ("<cls>", "<pad>", "<eos>", "<unk>", "AA", "AC", "AG", "AT")
    assert tokenizer.vocabulary[-2:] == ("TT", "<mask>")
    assert tokenizer.mask_id == 20
    assert np.flatnonzero(~tokenizer.maskable).tolist() == [0, 1, 2, 3, 20]
    assert [str(TOKENIZERS[k, True].dtype) for k in (3, 4, 7, 8)] == ["uint8", "uint16", "uint16", "uint32"]
    assert (make_tokenizer("kmer6").bases_per_token, make_tokenizer("kmer6_apart").bases_per_token) == (1, 6)
    assert len({t.hash for t in TOKENIZERS.values()}) == 16


def test_special_tokens_in_decode() -> None:
    assert TOKENIZERS[2, False].decode(np.array([0, 4, 20, 3, 19, 2, 1])) == "AANNNNTT"
    assert TOKENIZERS[2, True].decode(np.array([0, 2])) == ""


@pytest.mark.parametrize("position", [0, 3, 7, SLICE + 4])
def test_a_strange_letter_is_named_with_its_place_in_the_whole(position: int) -> None:
    length = 8 if position < 8 else SLICE + 9
    sequence = "A" * position + "-" + "C" * (length - position - 1)
    for tokenizer in (TOKENIZERS[3, True], TOKENIZERS[3, False]):
        with pytest.raises(BadInput) as caught:
            tokenizer.encode(sequence)
        assert f"got '-' at position {position} " in str(caught.value)


@pytest.mark.parametrize("overlapping", [True, False])
def test_save_and_load(tmp_path: Path, overlapping: bool) -> None:
    tokenizer = TOKENIZERS[4, overlapping]
    path = tokenizer.save(tmp_path)
    loaded = load_tokenizer(path)
    assert isinstance(loaded, KmerTokenizer)
    assert (loaded.k, loaded.overlapping, loaded.hash) == (4, overlapping, tokenizer.hash)
    path.write_text(path.read_text().replace('"k": 4', '"k": 3'))
    with pytest.raises(BadInput, match="was changed after it was written"):
        load_tokenizer(path)


def test_k_out_of_range() -> None:
    with pytest.raises(BadInput, match="Expected k-mers of 1 to 8 bases, got k=9"):
        KmerTokenizer(9)
    with pytest.raises(BadInput, match="Unknown tokenizer 'kmer9'"):
        make_tokenizer("kmer9")
