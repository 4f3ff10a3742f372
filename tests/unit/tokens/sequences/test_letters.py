"""Single residues: the vocabularies of four families, strict reading, and what stands around a sequence."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glmkit.bio import Record
from glmkit.errors import BadInput
from glmkit.tokens import LetterTokenizer, Tokenizer, encode_records, load_tokenizer, make_tokenizer, published, surround

AMINO = "ACDEFGHIKLMNPQRSTVWY"
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *AMINO]


def test_the_vocabulary_is_esm2s() -> None:
    tokenizer = make_tokenizer("protein")
    assert isinstance(tokenizer, Tokenizer)
    assert len(tokenizer.vocabulary) == 33
    assert tokenizer.vocabulary[4:24] == tuple("LAGVSERTIDPKQNFYMHWC")
    assert tokenizer.vocabulary[29:] == (".", "-", "<null_1>", "<mask>")
    assert (tokenizer.bos_id, tokenizer.pad_id, tokenizer.eos_id, tokenizer.unk_id, tokenizer.mask_id) == (0, 1, 2, 3, 32)
    assert (tokenizer.prefix, tokenizer.suffix) == ((0,), (2,))
    assert {tokenizer.vocabulary[i] for i in np.flatnonzero(tokenizer.maskable)} == set(AMINO)
    assert tokenizer.dtype == np.uint8
    assert not hasattr(tokenizer, "letter_ids")


@given(st.text(AMINO + AMINO.lower() + "XBUZO", max_size=60))
def test_encode_equals_a_dictionary_and_comes_back(sequence: str) -> None:
    tokenizer = LetterTokenizer()
    ids = tokenizer.encode(sequence)
    assert ids.tolist() == [tokenizer.vocabulary.index(letter) for letter in sequence.upper()]
    assert tokenizer.decode(np.r_[0, ids.astype(int), 2]) == sequence.upper()


def test_rare_residues_that_a_vocabulary_lacks_are_unknown() -> None:
    assert LetterTokenizer().encode("AJX").tolist() == [5, 3, 24]
    special = dict(zip(("bos", "pad", "eos", "unk", "mask"), ("[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"), strict=True))
    tokenizer = LetterTokenizer(BERT, special)
    assert tokenizer.encode("AXu").tolist() == [5, 1, 1]
    assert tokenizer.decode(np.array([2, 5, 1, 4, 24, 3, 0])) == "AXXY"


@pytest.mark.parametrize(
    ("sequence", "words"),
    [
        ("MKV*", "got '*' at position 3 (from 0) of 4. That is a stop"),
        ("MK-V", "got '-' at position 2 (from 0) of 4. That is a gap"),
        ("MK.V", "got '.' at position 2"),
        ("M KV", "got ' ' at position 1"),
        ("MKé", "got 'é' at position 2"),
        ("MλV", "got 'λ' at position 1"),
    ],
)
def test_strange_letters_are_named_with_their_place(sequence: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        LetterTokenizer().encode(sequence)
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["protein", "nucleotide"])
def test_save_and_load(tmp_path: Path, name: str) -> None:
    made = make_tokenizer(name)
    made.save(tmp_path)
    loaded = load_tokenizer(tmp_path)
    assert type(loaded) is type(made)
    assert loaded.vocabulary == made.vocabulary
    assert (loaded.hash, loaded.prefix, loaded.suffix) == (made.hash, made.prefix, made.suffix)


def test_families_that_surround_differently_have_different_hashes(tmp_path: Path) -> None:
    bare = LetterTokenizer(suffix=())
    assert bare.hash != LetterTokenizer().hash
    bare.save(tmp_path)
    assert load_tokenizer(tmp_path).suffix == ()


def test_a_broken_vocabulary_is_refused() -> None:
    with pytest.raises(BadInput, match="has 'L' twice, as ids 4 and 5"):
        LetterTokenizer([*LetterTokenizer().vocabulary[:5], *LetterTokenizer().vocabulary[4:]])
    with pytest.raises(BadInput, match=r"of 32 entries lacks '<mask>'"):
        LetterTokenizer(LetterTokenizer().vocabulary[:-1])
    with pytest.raises(BadInput, match=r"lacks 'W'.*20 amino acids"):
        LetterTokenizer([entry for entry in LetterTokenizer().vocabulary if entry != "W"])


@pytest.mark.parametrize("name", ["base", "kmer3", "kmer3_apart"])
def test_our_own_dna_tokenizers_put_nothing_around(name: str) -> None:
    tokenizer = make_tokenizer(name)
    assert (tokenizer.prefix, tokenizer.suffix) == ((), ())
    ids = tokenizer.encode("ACGTAC")
    assert surround(ids, tokenizer.prefix, tokenizer.suffix) is ids


def test_surround_keeps_the_type() -> None:
    around = surround(np.array([5, 6, 7], np.uint8), (0,), (2, 2))
    assert around.dtype == np.uint8
    assert around.tolist() == [0, 5, 6, 7, 2, 2]


def test_records_of_proteins_and_their_soft_mask() -> None:
    records = [Record("p", "MKXVW", "", np.array([[1, 3]])), Record("q", "XXXXX", "", np.empty((0, 2), np.int64))]
    found = list(encode_records(records, LetterTokenizer()))
    assert [name for name, _, _ in found] == ["p"]
    assert found[0][2].tolist() == [[1, 3]]


@pytest.mark.parametrize(
    ("family", "name", "lines", "prefix", "suffix", "mask"),
    [
        ("bert", "vocab.txt", BERT, (2,), (3,), 4),
        ("roberta", "dict.txt", [f"{letter} 1" for letter in AMINO], (0,), (2,), 24),
        ("esm", "vocab.txt", LetterTokenizer().vocabulary, (0,), (2,), 32),
    ],
)
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_published_files(
    tmp_path: Path, family: str, name: str, lines: list[str], prefix: tuple[int], suffix: tuple[int], mask: int, end: str
) -> None:
    (tmp_path / name).write_text(("\r\n" if end == "\r\n" else "\n").join(lines) + end, newline="")
    tokenizer = published(tmp_path, family)
    assert (tokenizer.prefix, tokenizer.suffix, tokenizer.mask_id) == (prefix, suffix, mask)
    assert tokenizer.decode(tokenizer.encode("MKWY")) == "MKWY"
    assert published(tmp_path / name, family).hash == tokenizer.hash
    tokenizer.save(tmp_path)
    assert load_tokenizer(tmp_path).hash == tokenizer.hash


def test_sapiens_ids() -> None:
    """0 bos, 1 pad, 2 eos, 3 unk, 4 to 23 the letters in the file's order, 24 mask."""
    special = ("<s>", "<pad>", "</s>", "<unk>")
    tokenizer = LetterTokenizer(
        [*special, *AMINO, "<mask>"], dict(zip(("bos", "pad", "eos", "unk", "mask"), (*special, "<mask>"), strict=True))
    )
    assert tokenizer.encode(AMINO).tolist() == list(range(4, 24))
    assert tokenizer.mask_id == 24


def test_published_files_that_are_not_what_they_should_be(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"expected a folder with vocab.txt or dict.txt.*it does not exist"):
        published(tmp_path / "none", "esm")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(BadInput, match=r"it has config\.json"):
        published(tmp_path, "esm")
    with pytest.raises(BadInput, match="family: expected one of esm, bert, roberta, got 'gpt'"):
        published(tmp_path, "gpt")  # type: ignore[arg-type]
    path = tmp_path / "vocab.txt"
    path.write_text("[PAD]\n\n[UNK]")
    with pytest.raises(BadInput, match="line 2 is blank"):
        published(path, "bert")
    path.write_text("\n".join(BERT))
    with pytest.raises(BadInput, match="lacks '<cls>', '<pad>', '<eos>', '<unk>', '<mask>'") as caught:
        published(path, "esm")
    assert "vocab.txt, read as a vocabulary of the family 'esm'" in caught.value.__notes__[0]
    path.write_bytes(b"[PAD]\n\xff\n")
    with pytest.raises(BadInput, match="byte 6: not UTF-8 text"):
        published(path, "bert")
    path = tmp_path / "dict.txt"
    path.write_text("A 1\nC\n")
    with pytest.raises(BadInput, match="line 2: expected an entry and its count, got 'C'"):
        published(path, "roberta")
