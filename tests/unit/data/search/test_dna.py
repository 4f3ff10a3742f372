"""DNA relatives on both strands with the real BLAST+.

Covers ``glmkit.data.search.blast``, ``glmkit.data.search.numbered_fasta``.
"""

import shutil

import numpy as np
import pytest

from glmkit.bio import reverse_complement
from glmkit.data.search import closest_dna, cluster_dna
from glmkit.errors import BadInput

needs_blast = pytest.mark.skipif(shutil.which("blastn") is None, reason="needs the program blastn (apt install ncbi-blast+)")


def window(n: int, rng: np.random.Generator) -> str:
    return "".join(rng.choice(list("ACGT"), n))


def changed(sequence: str, share: float, rng: np.random.Generator) -> str:
    new = list(sequence)
    for i in rng.choice(len(new), round(share * len(new)), replace=False):
        new[i] = "ACGT"[("ACGT".index(new[i]) + 1 + rng.integers(3)) % 4]
    return "".join(new)


@needs_blast
@pytest.mark.parametrize(("length", "changes", "least"), [(41, 0.1, 0.85), (90, 0.15, 0.9), (600, 0.25, 0.9)])
def test_planted_relatives_are_found_on_either_strand(length: int, changes: float, least: float) -> None:
    rng = np.random.default_rng(length)
    targets = {f"t{i}": window(length, rng) for i in range(130)}
    queries = {f"q{i}": changed(targets[f"t{i}"], changes, rng) for i in range(50)}
    queries |= {name: reverse_complement(queries[name]) for name in list(queries)[25:]}
    strangers = {f"s{i}": window(length, rng) for i in range(35)}
    found = closest_dna(queries | strangers, targets).set_index("id")
    assert found.index.tolist() == [*queries, *strangers]
    hit = found.nearest[list(queries)] == [f"t{i}" for i in range(50)]
    assert hit.mean() >= least
    assert set(found.strand[hit.index[hit]][:10]) == {"+"}
    assert set(found.strand[hit.index[hit]][-10:]) == {"-"}
    assert found.identity[hit.index[hit]].mean() == pytest.approx(1 - changes, abs=0.04)
    assert (found.nearest[list(strangers)] == "").all()
    assert found.loc["s0", ["identity", "coverage", "strand"]].tolist() == [0, 0, ""]


@needs_blast
def test_coverage_decides_whether_a_shared_stretch_counts() -> None:
    rng = np.random.default_rng(5)
    genome = window(900, rng)
    targets, queries = (
        {"left": genome[:400]},
        {"half over": genome[200:600], "beside": genome[450:850], "same": genome[:400].lower()},
    )
    assert closest_dna(queries, targets, coverage=0.8).nearest.tolist() == ["", "", "left"]
    half = closest_dna(queries, targets)
    assert half.nearest.tolist() == ["left", "", "left"]
    assert half.coverage.tolist() == pytest.approx([0.5, 0, 1], abs=0.03)


@needs_blast
def test_clusters_join_both_strands_and_chains_whatever_the_order() -> None:
    rng = np.random.default_rng(6)
    sequences = {}
    for family in range(7):
        founder = window(150 + 10 * family, rng)
        near = changed(founder, 0.12, rng)
        sequences |= {f"f{family}.0": founder, f"f{family}.1": reverse_complement(near), f"f{family}.2": changed(near, 0.12, rng)}
    sequences |= {
        "copy.0": sequences["f2.0"].lower(),
        "turned.0": reverse_complement(sequences["f3.0"]),
        "alone.0": window(160, rng),
    }
    found = cluster_dna(sequences)
    assert found.index.tolist() == list(sequences)
    families = found.index.str.split(".").str[0].to_series(index=found.index).replace({"copy": "f2", "turned": "f3"})
    assert (found.groupby(families).nunique() == 1).all()
    assert found.nunique() == 8
    assert found["turned.0"] == found["f3.1"]
    assert (found[found.to_numpy()] == found[found.to_numpy()].index).all(), "a representative stands for itself"
    assert cluster_dna(dict(reversed(sequences.items())))[found.index].equals(found)


@pytest.mark.parametrize(
    ("sequences", "arguments", "words"),
    [
        ({}, {}, "sequences: expected at least one DNA sequence, got none"),
        ({"a": "ACGT", "b": ""}, {}, "sequence 'b' is empty"),
        ({"a": "ACGU"}, {}, "DNA sequence 'a' has 'U' at base 4; expected DNA. Write T for U"),
        ({"a": "ACGT"}, {"coverage": 80}, "got identity=0.8 and coverage=80"),
    ],
)
def test_bad_input_says_what_is_wrong(sequences: dict[str, str], arguments: dict, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        cluster_dna(sequences, **arguments)
    assert words in str(caught.value)
