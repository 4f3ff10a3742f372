"""Planted motifs are found at random places and on both strands, and nothing is found where the attributions are shuffled."""

from collections import Counter
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glmkit.errors import BadInput
from glmkit.interpret import Motif, dinucleotide_shuffle, enrichment, importance, match_motifs, motifs, mutagenesis, scan
from glmkit.interpret.motif_discovery import read_motifs, seqlets, write_motifs

N, LENGTH = 180, 97
WORDS = {"GATA": "GATAAGGT", "AP1": "TGACTCAGC"}
COMPLEMENT = str.maketrans("ACGT", "TGCA")
DECOYS = {"EBOX": "CACGTG", "TATA": "TATAAA", "CRE": "TGACGTCA"}


def turned(word: str) -> str:
    return word[::-1].translate(COMPLEMENT)


def planted(seed: int, noise: float = 0.2) -> tuple[list[str], np.ndarray, list[tuple[str, int, int, str]]]:
    """Windows, true attributions of the letters that fit the motif plus noise, and (motif, sequence, start, strand)."""
    rng = np.random.default_rng(seed)
    sequences, places, worth = [], [], rng.normal(0, noise, (N, LENGTH))
    for i in range(N):
        letters = rng.choice(list("ACGT"), LENGTH)
        for half, (name, word) in enumerate(WORDS.items()):
            if rng.random() < 0.6:
                start, minus = int(rng.integers(0, LENGTH // 2 - len(word))) + half * (LENGTH // 2), rng.random() < 0.5
                written = list(word)
                if rng.random() < 0.4:
                    written[int(rng.integers(len(word)))] = str(rng.choice(list("ACGT")))
                fits = np.array([a == b for a, b in zip(written, word, strict=True)])
                letters[start : start + len(word)] = list(turned("".join(written))) if minus else written
                worth[i, start : start + len(word)] += fits[::-1] if minus else fits
                places.append((name, i, start, "-" if minus else "+"))
        sequences.append("".join(letters))
    return sequences, worth, places


@pytest.fixture(scope="module")
def data() -> tuple[list[str], np.ndarray, list[tuple[str, int, int, str]]]:
    return planted(3)


@pytest.fixture(scope="module")
def found(data: Any) -> list[Motif]:
    return motifs(data[1], data[0])


def likeness(motif: Motif) -> tuple[str, bool]:
    """Which planted word it is, and whether it reads on the other strand."""
    for name, word in WORDS.items():
        for other in (False, True):
            if (turned(word) if other else word)[1:-1] in motif.consensus:
                return name, other
    raise AssertionError(motif.consensus)


def test_both_motifs_are_found_where_they_were_planted(data: Any, found: list[Motif]) -> None:
    sequences, _, places = data
    assert [motif.name for motif in found] == ["motif 1", "motif 2"]
    names = [likeness(motif) for motif in found]
    assert {name for name, _ in names} == set(WORDS)
    for motif, (name, other) in zip(found, names, strict=True):
        true = {(i, strand) for planted_name, i, _, strand in places if planted_name == name}
        assert motif.positions is not None
        strands = motif.positions["strand"].map({"+": "-", "-": "+"} if other else {"+": "+", "-": "-"})
        seen = set(zip(motif.positions["sequence"], strands, strict=True))
        assert len(seen & true) >= 0.95 * len(true)
        assert len(seen - true) <= 2
        assert motif.n == len(motif.positions)
        assert len(motif) - len(WORDS[name]) in (0, 1)
        assert motif.contributions is not None
        assert motif.contributions.max() > 0.7
        row = motif.positions.iloc[0]
        word = sequences[row["sequence"]][row["start"] : row["end"]]
        read = word if row["strand"] == "+" else turned(word)
        assert sum(a == b for a, b in zip(read, motif.consensus.upper(), strict=True)) >= len(motif) - 2


def test_the_other_strand_is_the_same_motif(found: list[Motif]) -> None:
    motif = found[0]
    other = motif.reverse_complement()
    assert other.consensus.upper() == turned(motif.consensus.upper())
    np.testing.assert_allclose(other.reverse_complement().frequencies, motif.frequencies)
    assert other.positions is not None
    assert motif.positions is not None
    assert (other.positions["strand"] != motif.positions["strand"]).all()


def test_nothing_is_found_in_shuffled_attributions(data: Any) -> None:
    sequences, worth, _ = data
    for seed in range(3):
        rng = np.random.default_rng(seed)
        shuffled = np.array([rng.permutation(row) for row in worth])
        assert len(seqlets(shuffled, sequences)) <= 2
        assert motifs(shuffled, sequences) == []


def test_motifs_against_the_class_keep_their_sign(data: Any) -> None:
    sequences, worth, _ = data
    assert motifs(worth, sequences, direction="against") == []
    against = motifs(-worth, sequences, direction="against", least=20)
    assert [likeness(motif)[0] for motif in against]
    assert against[0].contributions is not None
    assert against[0].contributions.min() < -0.7
    assert (against[0].positions["worth"] < 0).all()


def test_mutagenesis_of_a_model_that_reads_a_motif_gives_the_motif() -> None:
    word, rng = np.frombuffer(b"GATAAGGT", np.uint8), np.random.default_rng(5)

    def score(sequences: list[str]) -> np.ndarray:
        """Letters of the best place on either strand, squared: what a convolution with a maximum over places would see."""
        grid = np.array([np.frombuffer(s.encode(), np.uint8) for s in sequences])
        windows = np.lib.stride_tricks.sliding_window_view(grid, len(word), axis=1)
        other = np.frombuffer(turned("GATAAGGT").encode(), np.uint8)
        return np.maximum((windows == word).sum(2), (windows == other).sum(2)).max(1).astype(float) ** 2

    windows = ["".join(letters) for letters in rng.choice(list("ACGT"), (24, 41))]
    starts = rng.integers(0, 33, 24)
    windows = [w[:a] + ("GATAAGGT" if a % 2 else "ACCTTATC") + w[a + 8 :] for w, a in zip(windows, starts, strict=True)]
    (motif,) = motifs(importance(mutagenesis(score, windows)), windows)
    assert motif.n == 24
    assert motif.consensus in ("GATAAGGT", "ACCTTATC")
    assert motif.positions is not None
    assert motif.positions["start"].tolist() == starts.tolist()


def test_seqlets_by_hand() -> None:
    rng = np.random.default_rng(0)
    worth = np.abs(rng.normal(0, 0.01, (3, 40)))
    worth[0, 12:16] = 1
    worth[2, 3:7] = 1.1
    sequences = ["".join(rng.choice(list("ACGT"), length)) for length in (40, 33, 29)]
    worth[1, 33:] = worth[2, 29:] = np.nan
    table = seqlets(worth, sequences, width=4, shuffles=100)
    assert table[["sequence", "start", "end"]].to_numpy().tolist() == [[2, 3, 7], [0, 12, 16]]
    np.testing.assert_allclose(table["worth"], [4.4, 4])
    letters = np.zeros((3, 40, 4))
    for i, sequence in enumerate(sequences):
        for place, letter in enumerate(sequence):
            letters[i, place] = -9
            letters[i, place, "ACGT".index(letter)] = worth[i, place]
    np.testing.assert_array_equal(seqlets(letters, sequences, width=4, shuffles=100), table)


def test_files_keep_motifs(found: list[Motif], tmp_path: Path) -> None:
    again = read_motifs(write_motifs(found, tmp_path / "found.meme"))
    assert [(motif.name, motif.n, motif.consensus) for motif in again] == [
        (motif.name.replace(" ", "_"), motif.n, motif.consensus) for motif in found
    ]
    np.testing.assert_allclose(again[1].frequencies, found[1].frequencies, atol=1e-5)
    few = Motif(name="few", frequencies=np.full((3, 4), [0.1, 0.2, 0.3, 0.4]))
    (few,) = read_motifs(write_motifs([few], tmp_path / "few.meme"))
    assert few.n == 0
    np.testing.assert_allclose(few.frequencies, np.full((3, 4), [0.1, 0.2, 0.3, 0.4]), atol=1e-6)
    path = tmp_path / "jaspar.txt"
    path.write_text(
        ">MA0001.1 ONE\nA [ 8 0 1 ]\nC [ 0 2 1 ]\nG [ 0 0 1 ]\nT [ 0 6 5 ]\n>MA0002.3\tTWO\n1 0\n1 0\n1 0\n1 4\n",
        encoding="utf-8",
    )
    one, two = read_motifs(path)
    assert (one.name, one.n, one.consensus) == ("MA0001.1 ONE", 8, "ATT")
    assert (two.name, two.n, two.consensus) == ("MA0002.3 TWO", 4, "aT")
    np.testing.assert_allclose(one.frequencies, [[1, 0, 0, 0], [0, 0.25, 0, 0.75], [0.125, 0.125, 0.125, 0.625]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected JASPAR .* got 'nothing'"),
        ("hello\n", "expected JASPAR .* or MEME .* got 'hello'"),
        (">MA1.1 A\nA [ 1 2 ]\nC [ 1 2 ]\n", "1 motifs begin, but 0 are complete"),
        (">MA1.1 A\nA [ 1 x ]\nC [ 1 2 ]\nG [ 1 2 ]\nT [ 1 2 ]\n", "Biopython cannot read it as jaspar motifs"),
        (">MA1.1 A\nA [ 0 2 ]\nC [ 0 2 ]\nG [ 0 2 ]\nT [ 0 2 ]\n", "with a sum above 0 in each position"),
        ("MEME version 4\n\nALPHABET= ACGT\n\nMOTIF A\n", "cannot read it as MEME|1 motifs begin"),
    ],
)
def test_files_that_hold_no_motifs_are_named(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "motifs.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=words) as caught:
        read_motifs(path)
    assert str(path) in str(caught.value)


def test_scan_by_counting_all_words() -> None:
    rng = np.random.default_rng(2)
    motif = Motif(name="m", frequencies=rng.dirichlet([0.4] * 4, 5))
    background = [0.4, 0.1, 0.2, 0.3]
    words = ["".join(letters) for letters in product("ACGT", repeat=5)]
    weights = np.array([np.prod([background["ACGT".index(letter)] for letter in word]) for word in words])
    table = scan(motif, words, p=1, background=background, strands="+")
    assert table["sequence"].tolist() == list(range(4**5))
    for row in table.sample(40, random_state=1).itertuples():
        as_high = weights[table["score"].to_numpy() >= row.score].sum()
        assert row.p == pytest.approx(as_high, abs=1e-9)
    assert table["word"].tolist() == words


def test_scan_finds_places_on_both_strands_and_passes_over_unknown_letters() -> None:
    word = "TGACTCAGC"
    motif = Motif(name="m", frequencies=np.eye(4)[["ACGT".index(letter) for letter in word]])
    table = scan(motif, ["AA" + word + "A", "ccc" + turned(word).lower(), word[:4] + "N" + word[5:], "AC"])
    assert table[["sequence", "start", "end", "strand", "word"]].to_numpy().tolist() == [
        [0, 2, 11, "+", word], [1, 3, 12, "-", word],
    ]  # fmt: skip
    assert table["p"].tolist() == pytest.approx([4.0**-9] * 2)
    assert scan(motif, ["ACGT"]).empty


def test_shuffles_keep_every_pair() -> None:
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACGTN"), length)) for length in (50, 21, 3)] + ["AAAA", "AC", ""]
    copies = dinucleotide_shuffle(sequences, 4)
    for sequence, copy in zip(sequences, copies, strict=True):
        assert Counter(pairwise(copy)) == Counter(pairwise(sequence))
        assert (copy[:1], copy[-1:]) == (sequence[:1], sequence[-1:])
    assert copies[0] != sequences[0]
    assert copies == dinucleotide_shuffle(sequences, 4) != dinucleotide_shuffle(sequences, 5)
    drawn = Counter(dinucleotide_shuffle(["ACAGATA"] * 3000, 1))  # six orders of the three loops through A, all as likely
    assert len(drawn) == 6
    assert max(drawn.values()) - min(drawn.values()) < 150


def test_enrichment_tells_the_planted_motif_from_another(data: Any, found: list[Motif]) -> None:
    other = Motif(name="other", frequencies=np.eye(4)[["ACGT".index(letter) for letter in "CCATATTAGG"]] * 0.8 + 0.05)
    table = enrichment([found[0], other], data[0][:60], shuffles=5)
    assert table["motif"].tolist() == ["motif 1", "other"]
    assert table["q"][0] < 1e-10
    assert table["fold"][0] > 5
    assert table["p"][1] > 0.05
    assert table["expected"][0] < 0.1


@pytest.mark.slow  # memelite compiles itself, once an installation
def test_found_motifs_match_their_jaspar_twins(found: list[Motif], tmp_path: Path) -> None:
    rows = []
    for name, word in (WORDS | DECOYS).items():
        counts = 3 + 88 * np.eye(4, dtype=int)[["ACGT".index(letter) for letter in word]]
        rows += [
            f">MA{len(rows):04d}.1 {name}",
            *(f"{a} [ {' '.join(map(str, row))} ]" for a, row in zip("ACGT", counts.T, strict=True)),
        ]
    path = tmp_path / "jaspar.txt"
    path.write_text("\n".join(rows), encoding="utf-8")
    known = read_motifs(path)
    table = match_motifs(found, known, most=3)
    assert len(table) == 6
    assert table.attrs["random motifs in the null"] == 95
    best = table.groupby("motif", sort=False).first()
    for motif in found:
        name, other = likeness(motif)
        assert best.loc[motif.name, "match"].endswith(name)
        assert best.loc[motif.name, "q"] < 1e-4
        assert best.loc[motif.name, "strand"] == ("-" if other else "+")
        assert best.loc[motif.name, "overlap"] >= 8
    noise = Motif(name="noise", frequencies=np.random.default_rng(8).dirichlet([0.3] * 4, 9))
    assert (match_motifs([noise], known)["q"] > 0.05).all()


def test_what_cannot_be_asked_is_said(data: Any) -> None:
    sequences, worth, _ = data
    with pytest.raises(BadInput, match=r"expected \(180, length\) or \(180, length, 4\).* got \(179, 97\)"):
        motifs(worth[1:], sequences)
    with pytest.raises(BadInput, match="expected at least 97 positions, the longest sequence, got 90"):
        seqlets(worth[:, :90], sequences)
    with pytest.raises(BadInput, match="width: expected 2 to 97 letters"):
        seqlets(worth, sequences, width=98)
    with pytest.raises(BadInput, match=r"attributions\[7\]: expected finite numbers"):
        seqlets(np.where(np.arange(N)[:, None] == 7, np.nan, worth), sequences)
    with pytest.raises(BadInput, match="importance"):
        seqlets(np.zeros((N, LENGTH, 4)), sequences)
    with pytest.raises(BadInput, match="similarity between 0 and 1"):
        motifs(worth, sequences, similarity=1.2)
    with pytest.raises(BadInput, match="direction: expected one of for, against, got 'up'"):
        seqlets(worth, sequences, direction="up")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=r"Motif 'm': expected frequencies \(length, 4\), got \(3, 5\)"):
        Motif(name="m", frequencies=np.ones((3, 5)) / 5)
    with pytest.raises(BadInput, match="each row summing to 1"):
        Motif(name="m", frequencies=np.ones((3, 4)))
    with pytest.raises(BadInput, match="four positive frequencies"):
        scan(Motif(name="m", frequencies=np.full((3, 4), 0.25)), sequences, background=[1, 0, 0, 0])
    with pytest.raises(BadInput, match="each name once"):
        write_motifs([], "never.meme")
    with pytest.raises(BadInput, match="at least one found motif"):
        match_motifs([], [])
