"""One check of letters and thresholds for both search programs."""

import pytest

from glmkit.data.search.inputs import check_ranges, check_sequences, unknown_letter
from glmkit.errors import BadInput


@pytest.mark.parametrize(
    ("kind", "sequences", "words"),
    [
        ("protein", {}, "targets: expected at least one protein, got none"),
        ("protein", {"p": ""}, "targets: protein 'p' is empty. Remove it"),
        ("protein", {"p": "MKT", "q": "mk-t"}, "targets: protein 'q' has '-' at residue 3; expected amino acids"),
        ("dna", {}, "targets: expected at least one DNA sequence, got none"),
        ("dna", {"a": "ACGT", "b": ""}, "targets: DNA sequence 'b' is empty"),
        ("dna", {"a": "acgu"}, "targets: DNA sequence 'a' has 'u' at base 4; expected DNA. Write T for U"),
        ("dna", {"a": "ACE"}, "targets: DNA sequence 'a' has 'E' at base 3; expected DNA.$"),
    ],
)
def test_what_a_program_cannot_read_is_refused(kind: str, sequences: dict[str, str], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        check_sequences("targets", sequences, kind)


def test_ambiguity_codes_and_lower_case_are_letters() -> None:
    check_sequences("queries", {"a": "ACGTRYSWKMBDHVN", "b": "acgtn"}, "dna")
    check_sequences("queries", {"a": "ACDEFGHIKLMNPQRSTVWYBJOUZX"}, "protein")
    assert unknown_letter("MKT*", "protein") == 3
    assert unknown_letter("mkt", "protein") is None


@pytest.mark.parametrize(
    ("thresholds", "words"),
    [
        ((0.0, 0.5), "identity=0.0 and coverage=0.5"),
        ((0.5, 1.1), "identity=0.5 and coverage=1.1"),
        ((0.5, 0.5, 8.0), "sensitivity: expected 1 to 7.5, got 8.0"),
    ],
)
def test_thresholds_out_of_range_are_refused(thresholds: tuple[float, ...], words: str) -> None:
    check_ranges(1.0, 0.0, 7.5)
    with pytest.raises(BadInput, match=words):
        check_ranges(*thresholds)
