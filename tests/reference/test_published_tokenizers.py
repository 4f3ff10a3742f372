"""Ids equal to those of `transformers`' own tokenizers on the same vocabulary file, special tokens included."""

from pathlib import Path

import numpy as np
import pytest

from glmkit.tokens import LetterTokenizer, NucleotideTokenizer, Tokenizer, published, surround

AMINO = "ACDEFGHIKLMNPQRSTVWY"


def proteins(rare: str) -> list[str]:
    rng = np.random.default_rng(5)
    letters = list(AMINO * 4 + rare)
    return ["".join(rng.choice(letters, size)) for size in [1, 2, *rng.integers(3, 120, 200)]]


def around(tokenizer: Tokenizer, sequence: str) -> list[int]:
    return surround(tokenizer.encode(sequence), tokenizer.prefix, tokenizer.suffix).tolist()


@pytest.fixture
def esm_vocabulary(tmp_path: Path) -> Path:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(LetterTokenizer().vocabulary))
    return path


def test_esm(esm_vocabulary: Path) -> None:
    from transformers import EsmTokenizer

    theirs, ours = EsmTokenizer(str(esm_vocabulary)), published(esm_vocabulary, "esm")
    for sequence in proteins("XBUZOJ"):
        assert around(ours, sequence) == theirs(sequence)["input_ids"]
    assert (ours.mask_id, ours.pad_id) == (theirs.mask_token_id, theirs.pad_token_id)


def test_bert(tmp_path: Path) -> None:
    from transformers import BertTokenizer

    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *AMINO]) + "\n")
    theirs, ours = BertTokenizer.from_pretrained(str(tmp_path), do_lower_case=False), published(tmp_path, "bert")
    for sequence in proteins("XU"):
        assert around(ours, sequence) == theirs(" ".join(sequence))["input_ids"]
    assert (ours.mask_id, ours.pad_id) == (theirs.mask_token_id, theirs.pad_token_id)


def test_nucleotide_transformer(tmp_path: Path) -> None:
    from transformers import EsmTokenizer

    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(NucleotideTokenizer().vocabulary))
    theirs, ours = EsmTokenizer(str(path), eos_token=None), published(tmp_path, "esm")
    assert isinstance(ours, NucleotideTokenizer)
    rng = np.random.default_rng(6)
    for size in [1, 5, 6, 7, *rng.integers(8, 150, 60)]:
        sequence = "".join(rng.choice(list("ACGT" * 9 + "N"), size))
        assert around(ours, sequence) == theirs(sequence)["input_ids"]
    assert ours.mask_id == theirs.mask_token_id


def test_the_alphabet_of_fair_esm() -> None:
    """Its order of ids, and what it puts around a sequence."""
    data = pytest.importorskip("esm.data")
    theirs, ours = data.Alphabet.from_architecture("ESM-1b"), LetterTokenizer()
    assert tuple(theirs.all_toks) == ours.vocabulary
    assert (theirs.cls_idx, theirs.padding_idx, theirs.eos_idx, theirs.unk_idx, theirs.mask_idx) == (
        ours.bos_id,
        ours.pad_id,
        ours.eos_id,
        ours.unk_id,
        ours.mask_id,
    )
    batch = theirs.get_batch_converter()([(str(i), sequence) for i, sequence in enumerate(proteins("XBUZO")[:40])])
    for _, sequence, row in zip(*batch, strict=True):
        assert around(ours, sequence) == row[row != theirs.padding_idx].tolist()
