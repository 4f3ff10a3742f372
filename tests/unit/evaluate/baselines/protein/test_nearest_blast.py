"""BLAST lends the labels of the nearest training sequences, of proteins and on either strand of DNA."""

import shutil

import numpy as np
import pytest

from glmkit.bio import reverse_complement
from glmkit.errors import BadInput
from glmkit.evaluate.baselines.protein import BlastNeighbour, blast_hits

needs_blast = pytest.mark.skipif(shutil.which("blastp") is None, reason="needs BLAST+ (apt install ncbi-blast+)")
RESIDUES, BASES = list("ACDEFGHIKLMNPQRSTVWY"), list("ACGT")


def sequences(letters: list[str], lengths: list[int], seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(letters, length)) for length in lengths]


def mutated(sequence: str, letters: list[str], every: int) -> str:
    """Every `every`-th letter is another one."""
    return "".join(
        letters[(letters.index(x) + 1) % len(letters)] if i % every == every - 1 else x for i, x in enumerate(sequence)
    )


@pytest.fixture(scope="module")
def proteins() -> list[str]:
    return sequences(RESIDUES, [120, 131, 140, 150, 97], 0)


@needs_blast
def test_hits_say_how_alike_two_sequences_are(proteins: list[str]) -> None:
    near = mutated(proteins[3], RESIDUES, 5)
    hits = blast_hits([proteins[1].lower(), "M" * 40, near], proteins)
    assert hits[["query", "target"]].to_numpy().tolist() == [[0, 1], [2, 3]]
    assert hits["identity"].tolist() == [1.0, pytest.approx(0.8, abs=0.02)]
    assert hits["coverage"].tolist() == [1.0, pytest.approx(1.0, abs=0.03)]
    assert (hits["evalue"] < 1e-20).all()
    assert set(hits["strand"]) == {"plus"}


@needs_blast
def test_the_strand_of_a_hit_is_said_and_can_be_chosen() -> None:
    dna = sequences(BASES, [150, 90, 110], 1)
    queries = [dna[2], reverse_complement(dna[0][20:120])]
    assert blast_hits(queries, dna, "dna")[["query", "target", "strand"]].to_numpy().tolist() == [[0, 2, "plus"], [1, 0, "minus"]]
    assert blast_hits(queries, dna, "dna", strand="plus")["query"].tolist() == [0]
    found = BlastNeighbour(alphabet="dna").fit(dna, np.array([1, 0, 0])).score([*queries, "ACGT" * 9])
    assert found.tolist() == [0.0, 1.0, pytest.approx(1 / 3)]


@needs_blast
def test_neighbours_lend_their_labels_by_identity(proteins: list[str]) -> None:
    near = mutated(proteins[3], RESIDUES, 5)
    train = [*proteins, near]
    values = np.array([0.5, -1.0, 2.0, 8.0, 0.0, 5.0])
    one = BlastNeighbour("regression").fit(train, values).score([proteins[3], "M" * 30])
    assert one.tolist() == [8.0, pytest.approx(values.mean())]
    hits = blast_hits([proteins[3]], train)
    assert hits["target"].tolist() == [3, 5]
    two = BlastNeighbour("regression", neighbours=2).fit(train, values).score([proteins[3]])
    assert two[0] == pytest.approx(np.average([8.0, 5.0], weights=hits["identity"]))
    labels = np.array([0, 0, 0, 1, 0, 0])
    sure = BlastNeighbour().fit([*proteins, near[::-1]], labels)
    score, share = sure.score([near])[0], blast_hits([near], proteins)["identity"][0]
    assert score == pytest.approx(1 / 6 + 5 / 6 * share)
    classes = BlastNeighbour("multiclass", classes=4).fit(train, np.array([0, 1, 2, 2, 1, 0])).score([proteins[1], "M" * 30])
    assert classes.tolist() == [[0, 1, 0, 0], pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])]


def test_bad_input_says_what_is_wrong(proteins: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match=r"queries: sequence 1 has '\*' at position 3; expected letters of protein"):
        blast_hits(["MK", "MK*L"], proteins)
    with pytest.raises(BadInput, match="training: sequence 0 has 'E' at position 2; expected letters of dna"):
        BlastNeighbour(alphabet="dna").fit(["AEC"], np.array([1]))
    with pytest.raises(BadInput, match="expected a label for each of 5 sequences, got 4"):
        BlastNeighbour().fit(proteins, np.zeros(4))
    with pytest.raises(BadInput, match="targets: sequence 0 is empty"):
        blast_hits(["MK"], [""])
    with pytest.raises(BadInput, match="neighbours: expected 1 to 500, got 0"):
        BlastNeighbour(neighbours=0)
    with pytest.raises(BadInput, match="kind: expected one of classification, regression, multiclass, got 'multioutput'"):
        BlastNeighbour("multioutput")
    with pytest.raises(BadInput, match="BLAST neighbour has not been fitted"):
        BlastNeighbour().score(["MK"])
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        BadInput, match=r"makeblastdb \(BLAST\+\) is not installed: run 'apt install ncbi-blast\+', 'conda install"
    ):
        blast_hits(["MK"], proteins)
