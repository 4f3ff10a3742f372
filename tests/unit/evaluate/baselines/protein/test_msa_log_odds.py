"""Alignments by the programs, position weights by hand and against Biopython, and classes told apart by them."""

import shutil

import numpy as np
import pytest
from Bio import motifs

from glmkit.errors import BadInput
from glmkit.evaluate.baselines import pwm_baselines
from glmkit.evaluate.baselines.dna.pwm import composition_of, henikoff_weights, log_profile, score_rows
from glmkit.evaluate.baselines.protein import AlignmentColumns, add_to_alignment, align
from glmkit.evaluate.baselines.protein.msa import column_codes

PROGRAMS = [
    pytest.param(name, marks=pytest.mark.skipif(shutil.which(name) is None, reason=f"needs the program {name}"))
    for name in ("clustalo", "mafft")
]
LETTERS = list("ACDEFGHIKLMNPQRSTVWY")
FAMILY = "MKTAYIAKQRWISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEK"


def relatives(n: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Mutants of one protein that lose up to four residues at its start; class 1 has W at residue 31, class 0 D or E."""
    rng = np.random.default_rng(seed)
    labels, found = rng.integers(0, 2, n), []
    for label in labels:
        letters = list(FAMILY)
        for site in rng.choice(len(letters), 8, replace=False):
            letters[site] = str(rng.choice(LETTERS))
        letters[30] = "W" if label else str(rng.choice(["D", "E"]))
        found.append("".join(letters)[rng.integers(0, 5) :])
    return found, labels


def test_position_based_weights_are_those_of_the_paper() -> None:
    codes = column_codes(["GYVGS", "GFDGF", "GYDGF", "GYQGG"])
    np.testing.assert_allclose(henikoff_weights(codes, 20), [4 / 15, 4 / 15, 3 / 15, 4 / 15])
    gapped = column_codes(["AC-", "A-X", "AWY"])
    np.testing.assert_allclose(henikoff_weights(gapped, 20), np.array([1 / 3 + 1 / 2, 1 / 3, 1 / 3 + 1 / 2 + 1]) / 3)
    with pytest.raises(BadInput, match="got 2 rows of gaps or unknown letters alone"):
        henikoff_weights(column_codes(["XX-", "--X"]), 20)


def test_a_profile_is_biopythons_where_rows_weigh_the_same() -> None:
    sites = ["ACGTA", "ACGTC", "TCGAA", "ACCTA", "GCGTA", "ACGTA", "TTGTA"]
    codes = column_codes(sites, "dna")
    ours = log_profile(codes, 4, np.full(4, 0.25), pseudo_count=2.0, weighted=False)
    theirs = motifs.create(sites).counts.normalize(pseudocounts=0.5)
    np.testing.assert_allclose(np.exp(ours[:, :4]), np.array([theirs[letter] for letter in "ACGT"]).T)
    odds = theirs.log_odds()
    expected = [sum(odds[letter][i] for i, letter in enumerate(site)) * np.log(2) - 5 * np.log(4) for site in sites]
    np.testing.assert_allclose(score_rows(codes, ours), expected)
    np.testing.assert_allclose(score_rows(column_codes(["-C-N-"], "dna"), ours), ours[1, 1])
    assert composition_of(codes, 4).sum() == pytest.approx(1)
    with pytest.raises(BadInput, match="pseudo_count: expected above 0, got 0"):
        log_profile(codes, 4, np.full(4, 0.25), pseudo_count=0)


@pytest.mark.parametrize("program", PROGRAMS)
def test_new_sequences_are_placed_one_by_one_into_columns_that_stay(program: str) -> None:
    family, _ = relatives(9, 0)
    rows = align(family, program)
    assert [row.replace("-", "") for row in rows] == family
    assert len({len(row) for row in rows}) == 1
    new = [*relatives(2, 7)[0], FAMILY[:20] + "WWWWWW" + FAMILY[20:], family[4].lower()]
    placed = add_to_alignment(rows, new, program)
    assert {len(row) for row in placed} == {len(rows[0])}
    assert placed[1] == add_to_alignment(rows, new[1:2], program)[0]
    assert "WWWWWW" not in placed[2]
    assert placed[3] == rows[4]
    column = [i for i, letter in enumerate(rows[0]) if letter != "-"][-10]
    assert [row[column] for row in rows].count(FAMILY[-10]) > 5


@pytest.mark.parametrize("program", PROGRAMS)
def test_classes_of_homologues_are_told_apart(program: str) -> None:
    family, labels = relatives(24, 1)
    test, truth = relatives(7, 2)
    sites = AlignmentColumns(program=program).fit(family, labels)
    scores = sites.score(test)
    assert (scores.shape, scores.dtype) == ((7,), np.float64)
    assert ((scores > 0.5) == truth).all()
    assert sites.score(test[3:4])[0] == pytest.approx(scores[3])


def test_sequences_of_one_length_need_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    rng = np.random.default_rng(3)
    windows, labels = rng.choice(list("ACGT"), (200, 11)), rng.integers(0, 3, 200)
    windows[labels == 1, 4] = "G"
    windows[labels == 2, 4] = "C"
    train, other = ["".join(row) for row in windows[:150]], ["".join(row) for row in windows[150:]]
    many = AlignmentColumns("multiclass", "dna", classes=4).fit(train, labels[:150]).score(other)
    assert many.shape == (50, 4)
    np.testing.assert_allclose(many.sum(1), 1)
    assert many[:, 3].max() == 0
    assert np.mean(many.argmax(1) == labels[150:]) > 0.7
    values = np.where(labels == 1, 2.5, -1.0)
    assert np.corrcoef(AlignmentColumns("regression", "dna").fit(train, values[:150]).score(other), values[150:])[0, 1] > 0.7
    two = (labels == 1).astype(int)
    for baseline in pwm_baselines():
        found = baseline.fit(train, two[:150]).score(other)
        assert found[two[150:] == 1].mean() > found[two[150:] == 0].mean() + 0.3
    with pytest.raises(BadInput, match=r"clustalo \(Clustal Omega\) is not installed: run 'apt install clustalo'"):
        pwm_baselines()[0].fit([*train[:-1], "ACGT"], two[:150])
    with pytest.raises(BadInput, match=r"mafft \(MAFFT\) is not installed: run 'apt install mafft'"):
        align(["ACGT", "ACT"], "mafft", alphabet="dna")


def test_bad_input_says_what_is_wrong() -> None:
    with pytest.raises(BadInput, match="program: expected one of clustalo, mafft, got 'muscle'"):
        align(["MK", "MKL"], "muscle")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="row 0 has 3 columns and row 1 has 4"):
        add_to_alignment(["MK-", "MKLL"], ["MK"])
    with pytest.raises(BadInput, match="alignment: row 1 has gaps only"):
        add_to_alignment(["MKL", "---"], ["MK"])
    with pytest.raises(BadInput, match="sequences: sequence 1 has '-' at position 2"):
        align(["MK", "M-L"])
    with pytest.raises(BadInput, match="of at least two values, got 2 labels with values"):
        AlignmentColumns().fit(["MK", "ML"], np.array([1, 1]))
    with pytest.raises(BadInput, match="alignment columns has not been fitted"):
        AlignmentColumns().score(["MK"])
    assert align(["mkx"]) == ["MKX"]
