"""6-mers apart from the left of every run, single letters for the rest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glmkit.errors import BadInput
from glmkit.tokens import NucleotideTokenizer, Tokenizer, make_tokenizer
from glmkit.tokens.store.records import token_runs

NT = NucleotideTokenizer()


def by_hand(sequence: str) -> list[str]:
    """Greedy: a 6-mer of A, C, G, T where one starts, else one letter."""
    found, at = [], 0
    while at < len(sequence):
        piece = sequence[at : at + 6]
        step = 6 if len(piece) == 6 and "N" not in piece else 1
        found.append(sequence[at : at + step])
        at += step
    return found


def test_the_vocabulary_is_the_one_published() -> None:
    assert isinstance(make_tokenizer("nucleotide"), Tokenizer)
    assert len(NT.vocabulary) == 4107
    assert NT.vocabulary[:8] == ("<unk>", "<pad>", "<mask>", "<cls>", "<eos>", "<bos>", "AAAAAA", "AAAAAT")
    assert NT.vocabulary[-5:] == ("A", "T", "C", "G", "N")
    assert (NT.unk_id, NT.pad_id, NT.mask_id, NT.bos_id, NT.eos_id) == (0, 1, 2, 3, 4)
    assert (NT.prefix, NT.suffix, NT.dtype) == ((3,), (), np.uint16)
    assert NT.maskable.sum() == 4100
    assert not NT.maskable[[*range(6), 4106]].any()


@given(st.text("ACGTN", max_size=70))
def test_encode_equals_the_rule_by_hand_and_comes_back(sequence: str) -> None:
    ids = NT.encode(sequence.lower())
    assert ids.dtype == np.uint16
    assert [NT.vocabulary[i] for i in ids] == by_hand(sequence)
    assert NT.decode(np.r_[NT.bos_id, ids.astype(int), NT.pad_id]) == sequence


def test_ambiguity_codes_read_n_and_other_letters_are_refused() -> None:
    assert NT.encode("ACRGT").tolist() == NT.encode("ACNGT").tolist()
    with pytest.raises(BadInput, match=r"got 'U' at position 7 \(from 0\). Replace U by T"):
        NT.encode("ACGTACGU")
    with pytest.raises(BadInput, match="lacks 1 of those of the Nucleotide Transformer, such as 'AAAAAC'"):
        NucleotideTokenizer([entry for entry in NT.vocabulary if entry != "AAAAAC"])


def test_an_older_vocabulary_without_start_and_end() -> None:
    older = NucleotideTokenizer([entry for entry in NT.vocabulary if entry not in ("<eos>", "<bos>")])
    assert len(older.vocabulary) == 4105
    assert older.eos_id == older.pad_id == 1
    assert older.decode(older.encode("ACGTACGTNA")) == "ACGTACGTNA"


def test_soft_masked_runs_become_whole_tokens() -> None:
    ids = NT.encode("ACGTACNACGTACGT")  # ACGTAC N ACGTAC G T
    assert len(ids) == 5
    assert token_runs(np.array([[0, 7], [8, 15]]), ids, NT).tolist() == [[0, 2], [3, 5]]
