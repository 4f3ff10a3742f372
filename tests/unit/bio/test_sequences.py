"""Reverse complement and translation against Biopython, and by hand."""

import random

import pytest
from Bio.Data import CodonTable
from Bio.Seq import Seq

from glmkit.bio import alphabet, reverse_complement, translate
from glmkit.bio.genetic_codes import start_codons, stop_codons
from glmkit.errors import BadInput

TABLES = [number for number in CodonTable.unambiguous_dna_by_id if number not in (27, 28, 31)]


def test_reverse_complement_by_hand() -> None:
    assert reverse_complement("AACGTRYSWKMBDHVN") == "NBDHVKMWSRYACGTT"
    assert reverse_complement("acGT") == "ACgt"
    assert reverse_complement("AACGU") == "ACGUU"
    assert reverse_complement("") == ""


def test_reverse_complement_equals_biopython() -> None:
    letters = "ACGTRYSWKMBDHVNacgtryswkmbdhvn"
    sequence = "".join(random.Random(0).choices(letters, k=997))
    assert reverse_complement(sequence) == str(Seq(sequence).reverse_complement())
    assert reverse_complement(reverse_complement(sequence)) == sequence


@pytest.mark.parametrize(
    ("sequence", "words"), [("AC-T", "Position 3 holds '-'"), ("ACUT", "T .DNA. or U .RNA."), ("AÉ", "Position 2")]
)
def test_reverse_complement_refuses(sequence: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        reverse_complement(sequence)


@pytest.mark.parametrize("table", TABLES)
def test_every_codon_equals_biopython(table: int) -> None:
    codons = [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT"]
    assert translate("".join(codons), table) == "".join(str(Seq(codon).translate(table)) for codon in codons)
    known = CodonTable.unambiguous_dna_by_id[table]
    assert sorted(start_codons(table)) == sorted(known.start_codons)
    assert sorted(stop_codons(table)) == sorted(known.stop_codons)


def test_ambiguous_codons() -> None:
    assert translate("GGNCTRTARNNNTANRAY") == "GL*XXX"
    assert translate("AUGGCUUAA") == "MA*"
    assert translate("ATGGC") == "M"
    assert translate("TTGATG") == "LM", "a start codon keeps its own amino acid here"


def test_translate_refuses() -> None:
    with pytest.raises(BadInput, match=r"Genetic code 7 is not supported. Choose one of 1, 2, 3"):
        translate("ATG", 7)
    with pytest.raises(BadInput, match=r"The codon 'A-G' holds -"):
        translate("ATGA-G")


def test_alphabets_do_not_overlap() -> None:
    for name, size in (("dna", 15), ("rna", 15), ("protein", 26)):
        letters = alphabet(name)
        assert len(set(letters.letters + letters.codes + letters.unknown)) == size
