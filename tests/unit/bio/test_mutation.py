"""Mutations: text to residues and back, checked against the sequence, put into it."""

import numpy as np
import pytest

from glmkit.bio import Mutation, check_mutations, parse_mutations
from glmkit.bio.mutation import apply
from glmkit.errors import BadInput

SEQUENCE = "MKVLAAGHTWYQ"


@pytest.mark.parametrize(
    ("text", "start", "end", "new", "mutant"),
    [
        ("V3A", 2, 3, "A", "MKALAAGHTWYQ"),
        ("M1del", 0, 1, "", "KVLAAGHTWYQ"),
        ("Q12-", 11, 12, "", "MKVLAAGHTWY"),
        ("V3_A5del", 2, 5, "", "MKAGHTWYQ"),
        ("V3_L4insDE", 3, 3, "DE", "MKVDELAAGHTWYQ"),
        ("V3delinsDE", 2, 3, "DE", "MKDELAAGHTWYQ"),
        ("V3_A5delinsD", 2, 5, "D", "MKDAGHTWYQ"),
        ("G7*", 6, 7, "*", "MKVLAA"),
        ("p.v3a", 2, 3, "A", "MKALAAGHTWYQ"),
    ],
)
def test_every_form(text: str, start: int, end: int, new: str, mutant: str) -> None:
    mutation = Mutation.parse(text)
    assert (mutation.start, mutation.position, mutation.end, mutation.new) == (start, start, end, new)
    assert Mutation.parse(str(mutation)) == mutation
    assert mutation.is_substitution == (len(new) == 1 == end - start and new != "*")
    assert apply(SEQUENCE, [mutation]) == mutant


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("V3", "is not a mutation that can be read. Expected 'A123V'"),
        ("V3_L4A", "is not a mutation that can be read"),
        ("3VA", "is not a mutation that can be read"),
        ("Val3Ala", "in one-letter codes"),
        ("V3A,L4D", "Several mutations: use parse_mutations('A123V:G45D')"),
        ("V3delins", "is not a mutation that can be read"),
        ("V٣A", "is not a mutation that can be read"),
        ("", "'' is not a mutation"),
        ("M0V", "residues count from 1 in text, so there is no residue 0"),
        ("L4_V3del", "expected a range that ascends, got 4 to 3"),
        ("V3_A5insD", "an insertion names its two neighbours"),
        ("V3insD", "an insertion names its two neighbours"),
    ],
)
def test_what_cannot_be_read(text: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        Mutation.parse(text)
    assert words in str(caught.value)


def test_several_together() -> None:
    mutations = parse_mutations("W10F:V3_A5del:H8_T9insC")
    assert [str(mutation) for mutation in mutations] == ["W10F", "V3_A5del", "H8_T9insC"]
    assert apply(SEQUENCE, mutations) == apply(SEQUENCE, mutations[::-1]) == "MKAGHCTFYQ"
    assert apply(SEQUENCE, []) == SEQUENCE
    assert apply(SEQUENCE, parse_mutations("V3_L4insC:L4D")) == "MKVCDAAGHTWYQ"
    with pytest.raises(BadInput, match="is not a mutation"):
        parse_mutations("V3A:")


@pytest.mark.parametrize("text", ["V3A:V3G", "V3_A5del:L4D", "V3_L4insC:V3_L4insD", "V3*:W10F"])
def test_two_at_one_place_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match="change the same place"):
        apply(SEQUENCE, parse_mutations(text))


def test_the_wild_type_is_checked_and_both_letters_are_named() -> None:
    Mutation.parse("V3A").check(SEQUENCE)
    with pytest.raises(BadInput, match=r"T5A: expected 'T' at residue 5, but residue 5 of the sequence is 'A'\. Is this the seq"):
        Mutation.parse("T5A").check(SEQUENCE)
    with pytest.raises(
        BadInput, match=r"V2A: expected 'V' at residue 2, but residue 2 of the sequence is 'K'\. Numbered from 0\?"
    ):
        Mutation.parse("V2A").check(SEQUENCE)
    with pytest.raises(BadInput, match="Q20A: expected 'Q' at residue 20, but the sequence ends at residue 12"):
        Mutation.parse("Q20A").check(SEQUENCE)
    with pytest.raises(BadInput, match="expected 'T' at residue 5"):
        Mutation.parse("V3_T5del").check(SEQUENCE)


def test_a_shifted_numbering_is_recognised() -> None:
    sequence = "".join(np.random.default_rng(3).choice(list("ACDEFGHIKLMNPQRSTVWY"), 90))
    shifted = [Mutation.parse(f"{sequence[i]}{i + 1 + 23}A") for i in (4, 19, 33, 50)]
    with pytest.raises(BadInput, match=r"All 4 letters given fit when -23 is added to each number"):
        check_mutations(sequence, shifted)
    with pytest.raises(BadInput, match="Is this the sequence"):
        check_mutations(sequence, shifted[1:3])  # too few letters to be sure of a shift
    from_zero = [Mutation.parse(f"{sequence[i]}{i}A") for i in (4, 19, 33, 50)]
    with pytest.raises(BadInput, match=r"Numbered from 0\?"):
        check_mutations(sequence, from_zero)
