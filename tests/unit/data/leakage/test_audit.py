"""The leakage audit: planted leaks are counted, their labels tried, and what cannot be checked is said.

Covers ``glmkit.data.leakage.checks``, ``glmkit.data.leakage.neighbours``, ``glmkit.data.leakage.profiles``.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from glmkit.bio import read_genbank, reverse_complement
from glmkit.data import Audit, audit, split_blocks
from glmkit.errors import BadInput

needs_mmseqs = pytest.mark.skipif(shutil.which("mmseqs") is None, reason="needs the program mmseqs (apt install mmseqs2)")
needs_blast = pytest.mark.skipif(shutil.which("blastn") is None, reason="needs the program blastn (apt install ncbi-blast+)")
DATA = Path(__file__).parents[3] / "data"
AMINO, BASES = "ACDEFGHIKLMNPQRSTVWY", "ACGT"


def letters(n: int, alphabet: str, rng: np.random.Generator) -> str:
    return "".join(rng.choice(list(alphabet), n))


def relative(sequence: str, changes: int, alphabet: str, rng: np.random.Generator) -> str:
    """A copy that differs in exactly `changes` places."""
    new = list(sequence)
    for i in rng.choice(len(new), changes, replace=False):
        new[i] = alphabet[(alphabet.index(new[i]) + 1) % len(alphabet)]
    return "".join(new)


def line(found: Audit, check: str) -> pd.Series:
    return found.table.set_index("check").loc[check]


@pytest.fixture(scope="module")
def proteins() -> Audit:
    """30 training, 5 validation and 20 test proteins: 2 copies, 5 at 60% identity (one with another label), 13 strangers."""
    rng = np.random.default_rng(0)
    train = [letters(100 + i, AMINO, rng) for i in range(30)]
    labels = ["membrane" if i % 3 else "cytosol" for i in range(30)]
    test = [train[4].lower(), train[7], *(relative(train[i], int(0.4 * len(train[i])), AMINO, rng) for i in range(10, 15))]
    test_labels = [labels[i] for i in (4, 7, 10, 11, 12, 13)] + ["cytosol" if labels[14] == "membrane" else "membrane"]
    test += [letters(90 + 3 * i, AMINO, rng) for i in range(13)]
    test_labels += ["membrane"] * 8 + ["cytosol"] * 5
    parts = ["train"] * 30 + ["validation"] * 5 + ["test"] * 20
    validation = [*(letters(110, AMINO, rng) for _ in range(3)), train[0], test[-1]]
    groups = [f"species {i % 7}" for i in range(30)] + ["v"] * 5 + [f"species {5 + i % 4}" for i in range(20)]
    everything = [*train, *validation, *test]
    ids = [f"p{i}" for i in range(len(everything))]
    return audit(everything, [*labels, *["cytosol"] * 5, *test_labels], parts, groups=groups, ids=ids, name="planted")


@needs_mmseqs
def test_planted_leaks_among_proteins_are_counted(proteins: Audit) -> None:
    assert proteins.sizes == {"train": 30, "validation": 5, "test": 20}
    copies = line(proteins, "copies in training")
    assert (copies["items"], copies.share, copies.value) == (2, 0.1, 1.0)
    assert line(proteins, "copies in validation")["items"] == 1
    assert line(proteins, "validation copies in training")["items"] == 1
    close = line(proteins, "relatives at 30%")
    assert (close["items"], close.share) == (7, 0.35)
    assert close.value == pytest.approx(6 / 7)
    assert "95% interval 0.487 to 0.974" in close.meaning
    assert line(proteins, "majority rate of those").value == pytest.approx(
        max(np.mean(proteins.nearest.label[:7] == x) for x in ("membrane", "cytosol"))
    )
    assert line(proteins, "relatives at 90%")["items"] == 2
    groups = line(proteins, "groups on both sides")
    assert (groups["items"], groups.value) == (10, 2), "species 5 and 6 of 5 to 8"
    assert proteins.leaks


@needs_mmseqs
def test_the_nearest_training_item_stands_beside_each_test_item(proteins: Audit) -> None:
    nearest = proteins.nearest.set_index("id")
    assert nearest.index.tolist() == [f"p{i}" for i in range(35, 55)]
    assert nearest.nearest[:7].tolist() == ["p4", "p7", "p10", "p11", "p12", "p13", "p14"]
    assert nearest.identity["p37"] == pytest.approx(0.6, abs=0.04)
    assert nearest.agrees["p35":"p41"].tolist() == [True] * 6 + [False]  # type: ignore[misc]
    assert nearest.agrees["p42":].isna().all()  # type: ignore[misc]
    assert (nearest.nearest["p42":] == "").all()  # type: ignore[misc]


@needs_mmseqs
def test_it_prints_in_a_few_lines_and_ends_with_the_verdict(proteins: Audit) -> None:
    lines = str(proteins).splitlines()
    assert lines[0] == "Leakage audit of planted: 30 train, 5 validation, 20 test"
    assert len(lines) == len(proteins.table) + 3 <= 16
    assert lines[-1] == proteins.verdict
    assert proteins.verdict == (
        "The split leaks: 2 of the test items (10.0%) are copies of training items; 1 of the test items (5.0%) is a copy of a "
        "validation item; 35.0% of the test items have a relative in training at 30% identity or more, whose label is theirs in 86%; "
        "2 groups are on both sides, with 50.0% of the test items."
    )


@needs_blast
def test_dna_is_searched_on_both_strands() -> None:
    rng = np.random.default_rng(1)
    train = [letters(120, BASES, rng) for _ in range(17)]
    test = [
        reverse_complement(train[3]),
        reverse_complement(relative(train[5], 12, BASES, rng)),
        relative(train[6], 9, BASES, rng),
    ]
    test += [letters(120, BASES, rng) for _ in range(3)]
    labels = [i % 2 for i in range(17)] + [1, 0, 0, 1, 0, 1]
    found = audit([*train, *test], labels, ["train"] * 17 + ["test"] * 6, alphabet="dna", groups=list(range(23)))
    assert line(found, "other strand in training")["items"] == 1
    assert line(found, "copies in training")["items"] == 0
    assert line(found, "relatives at 80%")["items"] == 3
    assert line(found, "relatives at 80%").value == pytest.approx(2 / 3)
    assert line(found, "relatives at 99%")["items"] == 1
    assert found.nearest.strand.tolist() == ["-", "-", "+", "", "", ""]
    assert found.nearest.identity[1] == pytest.approx(0.9, abs=0.02), "ends are cut off where they differ"
    assert line(found, "length alone").value == 0.5
    assert "All items have 120 letters" in line(found, "length alone").meaning
    assert found.verdict.startswith(
        "The split leaks: 1 of the test items (16.7%) is the reverse complement of a training item; 50.0% of"
    )


@needs_blast
def test_a_clean_split_is_called_so() -> None:
    rng = np.random.default_rng(5)
    windows = [letters(60 + i, BASES, rng) for i in range(30)]
    found = audit(windows, [i % 2 for i in range(30)], ["train"] * 19 + ["test"] * 11, alphabet="dna", groups=range(30))
    assert not found.leaks
    assert found.verdict == "No leak found: no copies, no group on both sides, 0.0% relatives at 80%."


@needs_blast
def test_the_inverted_repeat_of_a_chloroplast_is_found_across_blocks_with_a_gap() -> None:
    genome = next(iter(read_genbank(DATA / "arabidopsis_chloroplast.gb.gz")))
    places = split_blocks({genome.id: len(genome.sequence)}, 5000, 500, (0.75, 0.0, 0.25))
    rows = [
        (genome.sequence[start : start + 200], part)
        for part in ("train", "test")
        for interval in places.items(part)
        for start in range(interval.start, interval.end - 199, 200)
    ]
    labels = np.random.default_rng(6).integers(2, size=len(rows))
    found = audit(
        [s for s, _ in rows],
        labels,
        [part for _, part in rows],
        alphabet="dna",
        groups=range(len(rows)),
    )
    close = line(found, "relatives at 90%")
    assert 0.15 < close.share < 0.35
    assert (found.nearest.strand[found.nearest.identity >= 0.9] == "-").mean() > 0.9
    assert 0.3 < close.value < 0.7, "labels drawn without regard to the sequence"
    assert found.leaks


@needs_blast
def test_measured_values_are_compared_by_rank() -> None:
    rng = np.random.default_rng(2)
    train = [letters(80, BASES, rng) for _ in range(12)]
    values = rng.normal(size=12)
    test = [relative(sequence, 8, BASES, rng) for sequence in train[:6]]
    found = audit([*train, *test], [*values, *np.exp(values[:6])], ["train"] * 12 + ["test"] * 6, alphabet="dna")
    assert line(found, "relatives at 80%").value == pytest.approx(1.0)
    assert "Spearman" in line(found, "relatives at 80%").meaning
    assert found.nearest.agrees.isna().all()
    assert found.nearest.nearest_label.tolist() == pytest.approx(values[:6].tolist())
    assert "majority rate of those" not in set(found.table.check)
    assert line(found, "label balance").meaning.startswith("Kolmogorov-Smirnov distance; median")
    assert "whose label correlates at 1.00" in found.verdict


def test_without_the_program_the_rest_is_audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    rng = np.random.default_rng(3)
    sequences = [letters(40 + 40 * (i % 2), BASES, rng) for i in range(60)]
    for alphabet, program in (("dna", "blastn"), ("protein", "mmseqs")):
        found = audit(sequences, [i % 2 for i in range(60)], ["train"] * 40 + ["test"] * 20, alphabet=alphabet, groups=range(60))
        missing = found.table[found.table.check.str.startswith("relatives")]
        assert len(missing) == 1
        assert f"Not checked. The program {program}" in missing.meaning.iloc[0]
        assert "apt install" in missing.meaning.iloc[0]
        assert "apt install" in str(found)
        assert line(found, "length alone").value == 1.0, "the length tells the class here"
        assert line(found, "copies in training")["items"] == 0
        assert (found.leaks, len(found.nearest)) == (False, 0)
        assert found.verdict.startswith("No leak found by the checks that could be made (not checked: relatives at")


def test_items_without_sequences_are_audited_as_far_as_they_go() -> None:
    rng = np.random.default_rng(4)
    parts = ["train"] * 30 + ["test"] * 11
    labels = ["healthy", "ill"] * 15 + ["ill", "healthy"] * 5 + ["new"]
    studies = [f"study {i // 10}" for i in range(41)]
    found = audit(None, labels, parts, groups=studies)
    assert found.table.check.tolist() == ["groups on both sides", "label balance"]
    assert not found.leaks
    assert found.verdict.startswith("No leak found in groups and labels; there were no sequences")
    assert line(found, "label balance")["items"] == 1
    assert "Training lacks new" in line(found, "label balance").meaning
    centres = np.where(np.array(labels) == "ill", 5.0, 0.0)
    table = pd.DataFrame(rng.normal(size=(41, 6)) + centres[:, None], columns=list("abcdef"))
    table.iloc[35] = table.iloc[2]
    found = audit(table, labels, parts, groups=studies)
    assert line(found, "copies in training")["items"] == 1
    assert line(found, "nearest neighbour").value == pytest.approx(10 / 11)
    assert line(found, "majority rate").value == pytest.approx(5 / 11)
    assert found.nearest.set_index("id").nearest["35"] == "2"
    assert found.verdict == "The split leaks: 1 of the test items (9.1%) is a copy of a training item."


def test_copies_with_another_label_are_found_in_any_part() -> None:
    found = audit(["MKV", "mkv", "MKW", "MKY"], [0, 1, 1, 0], ["train", "train", "train", "test"], groups=[0, 0, 0, 1])
    assert line(found, "copies with another label")["items"] == 2
    if shutil.which("mmseqs"):
        assert line(found, "too short to search")["items"] == 1


@needs_mmseqs
def test_membrane_proteins_leak_on_the_given_split(shared_data: Callable[[str], Path]) -> None:
    train = pd.read_csv(shared_data("membrane_vs_cytosol/train.csv"))
    test = pd.read_csv(shared_data("membrane_vs_cytosol/test.csv"))[:120]
    labels = [*train.labels, *test.labels]
    given = audit([*train.sequences, *test.sequences], labels, ["train"] * len(train) + ["test"] * 120, sensitivity=2)
    close = line(given, "relatives at 50%")
    assert 0.22 < close.share < 0.38
    assert close.value > 0.97
    assert 0.28 < line(given, "relatives at 30%").share < 0.45
    assert line(given, "majority rate of those").value < 0.75
    assert given.leaks


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"labels": [0, 1]}, r"one label, part and id per item, got \(2,\) labels, \(3,\) parts"),
        ({"parts": ["train", "train", "tset"]}, r"Unknown parts \['tset'\]: expected train, validation, test"),
        ({"parts": ["train"] * 3}, "No item is in the part 'test'"),
        ({"labels": [0.5, None, 1.5]}, "1 items have no label, the first is '1'"),
        ({"labels": [0.5, 1.5, -np.inf]}, "1 labels are infinite, the first is of '2'"),
        ({"ids": ["a", "b", "a"]}, "ids: some occur twice"),
        ({"labels": ["a", "b", "c"], "measured": True}, "measured=True needs numbers as labels"),
        ({"sequences": ["MK", "MV"]}, "one sequence for each of 3 labels, got 2"),
        ({"sequences": ["MK", "", "MV"]}, "Item '1': expected a sequence of letters, got ''"),
        ({"alphabet": "rna"}, "alphabet: expected protein or dna, got 'rna'"),
        ({"groups": ["a", "b"]}, r"groups: expected one for each of 3 items, got shape \(2,\)"),
        ({"sequences": np.array([[1.0, 2], [3, np.nan], [4, 5]])}, "Row '1' has a missing or infinite value"),
        ({"sequences": pd.DataFrame({"x": [1, 2, 3], "site": list("abc")})}, r"\['site'\] hold other values"),
    ],
)
def test_bad_input_says_what_is_wrong(arguments: dict, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = {"sequences": ["MK", "MV", "MW"], "labels": [0, 1, 0], "parts": ["train", "train", "test"]} | arguments
    with pytest.raises(BadInput, match=words):
        audit(settings.pop("sequences"), settings.pop("labels"), settings.pop("parts"), **settings)
