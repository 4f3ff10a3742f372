"""Homology splits with the real MMseqs2: planted relatives stay together, and a search across the split finds none."""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from glmkit.acquire import sample
from glmkit.bio import read_fasta
from glmkit.data import cluster, split_homology
from glmkit.data.search import closest, closest_train_neighbour
from glmkit.errors import BadInput, ResourceError

needs_mmseqs = pytest.mark.skipif(shutil.which("mmseqs") is None, reason="needs the program mmseqs (apt install mmseqs2)")
LETTERS = np.array(list("ACDEFGHIKLMNPQRSTVWY"))


def relative(sequence: str, identity: float, rng: np.random.Generator) -> str:
    """A copy in which each residue is kept with probability `identity`, and certainly changed otherwise."""
    old = np.searchsorted(LETTERS, list(sequence))
    new = (old + rng.integers(1, 20, len(old))) % 20
    return "".join(LETTERS[np.where(rng.random(len(old)) < identity, old, new)])


@pytest.fixture(scope="module")
def planted() -> dict[str, str]:
    """Eleven families of a founder and three relatives, five singletons, one copy under another id."""
    rng = np.random.default_rng(0)
    proteins = {}
    for family in range(11):
        founder = "".join(rng.choice(LETTERS, 150 + 10 * family))
        proteins[f"f{family}.0"] = founder
        for member, identity in enumerate((0.85, 0.65, 0.5), 1):
            proteins[f"f{family}.{member}"] = relative(founder, identity, rng)
    proteins |= {f"single{i}.0": "".join(rng.choice(LETTERS, 97 + i)) for i in range(5)}
    proteins["f3.copy"] = proteins["f3.2"].lower()
    proteins["single9.peptide"] = "MKV"
    names = rng.permutation(list(proteins)).tolist()
    return {name: proteins[name] for name in names}


@pytest.fixture(scope="module")
def clusters(planted: dict[str, str]) -> pd.Series:
    return cluster(planted)


@needs_mmseqs
def test_planted_families_are_found_whatever_the_order(planted: dict[str, str], clusters: pd.Series) -> None:
    found = clusters
    assert found.index.tolist() == list(planted)
    families = pd.Series({name: name.split(".")[0] for name in planted})
    assert found.groupby(families).nunique().eq(1).all(), "a family in two clusters"
    assert families.groupby(found).nunique().eq(1).all(), "two families in one cluster"
    assert set(found) <= set(planted)
    assert (found[found.to_numpy()] == found[found.to_numpy()].index).all(), "a representative stands for itself"
    backwards = cluster(dict(reversed(planted.items())))
    assert backwards[found.index].equals(found)


@needs_mmseqs
def test_closest_names_the_relative_and_its_identity(planted: dict[str, str]) -> None:
    targets = {name: planted[name] for name in planted if name.endswith((".0", ".1"))}
    queries = {"f4.2": planted["f4.2"], "f3.0 again": planted["f3.0"].lower(), "nobody": "".join(LETTERS) * 5}
    table = closest(queries, targets).set_index("id")
    assert table.index.tolist() == list(queries)
    assert table.nearest["f4.2"] == "f4.0"
    equal = np.mean([a == b for a, b in zip(planted["f4.2"], planted["f4.0"], strict=True)])
    assert table.identity["f4.2"] == pytest.approx(equal, abs=0.05)
    assert 0.8 <= table.coverage["f4.2"] <= 1
    assert table.loc["f3.0 again"].tolist() == ["f3.0", 1, 1]
    assert table.nearest["nobody"] == ""
    assert table.loc["nobody", ["identity", "coverage"]].tolist() == [0, 0]


@needs_mmseqs
def test_no_relative_stands_across_the_split(planted: dict[str, str], clusters: pd.Series) -> None:
    labels = pd.Series({name: "odd" if ord(name.split(".")[0][-1]) % 2 else "even" for name in planted})
    parts = pd.Series(split_homology(clusters, labels, (0.6, 0.0, 0.4), seed=1), index=list(planted))
    sides = [{name: planted[name] for name in planted if parts[name] == part} for part in ("train", "test")]
    assert closest_train_neighbour(*sides) < 0.3
    careless = list(planted)[::2], list(planted)[1::2]
    assert closest_train_neighbour(*({n: planted[n] for n in names} for names in careless)) == 1.0
    for value in ("odd", "even"):
        assert 0.4 <= np.mean(parts[labels == value] == "train") <= 0.8


@needs_mmseqs
def test_real_proteins_split_without_relatives_across() -> None:
    proteins = {r.id: r.sequence for r in read_fasta(sample("protein_locations"), "protein")}
    places = pd.read_csv(sample("protein_locations_labels"), sep="\t", index_col="id").location
    clusters = cluster(proteins, sensitivity=4)
    assert 600 < clusters.nunique() < len(proteins) == 632
    parts = pd.Series(split_homology(clusters, places[list(proteins)]), index=list(proteins))
    for place in places.unique():
        shares = [np.mean(parts[places == place] == part) for part in ("train", "validation", "test")]
        assert np.abs(np.array(shares) - [0.8, 0.1, 0.1]).max() < 0.02
    sides = ({name: proteins[name] for name in proteins if parts[name] == part} for part in ("train", "test"))
    assert closest_train_neighbour(*sides, sensitivity=4) < 0.3


def test_a_cluster_is_never_cut_and_counts_for_its_majority() -> None:
    clusters = [f"c{i}" for i in range(40) for _ in range(1 + i % 3)]
    labels = [("rare" if i % 4 == 0 else "common") if j < 2 else "common" for i in range(40) for j in range(1 + i % 3)]
    parts = split_homology(clusters, labels, (0.5, 0.25, 0.25), seed=2)
    assert all(len(set(parts[np.array(clusters) == name])) == 1 for name in set(clusters))
    assert set(parts[np.array(labels) == "rare"]) == {"train", "validation", "test"}
    assert (split_homology(clusters, None, seed=3) != split_homology(clusters, None, seed=4)).any()
    with pytest.raises(BadInput, match="test would be empty") as caught:
        split_homology(["a", "b", "c", "d", "e"], [0, 0, 0, 1, 1], (0.4, 0.3, 0.3))
    assert caught.value.__notes__ == ["These are the clusters of the label '1'; merge or drop it if it is rare."]
    with pytest.raises(BadInput, match=r"one label for each of 3 items, got labels of shape \(2,\)"):
        split_homology(["a", "b", "c"], [0, 1])


@pytest.mark.parametrize(
    ("proteins", "arguments", "words"),
    [
        ({}, {}, "sequences: expected at least one protein, got none"),
        ({"p": "MK", "q": ""}, {}, "protein 'q' is empty"),
        ({"p": "MK", "q": "MKT1"}, {}, "protein 'q' has '1' at residue 4"),
        ({"p": "MK"}, {"identity": 30}, "got identity=30 and coverage=0.8"),
        ({"p": "MK"}, {"sensitivity": 9}, "sensitivity: expected 1 to 7.5, got 9"),
    ],
)
def test_bad_input_says_what_is_wrong(proteins: dict[str, str], arguments: dict, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        cluster(proteins, **arguments)
    assert words in str(caught.value)


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put a small Python program named mmseqs alone on PATH; temporary folders go where the test can look."""
    places = tmp_path / "places"
    places.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(places))

    def install(body: str) -> Path:
        program = tmp_path / "mmseqs"
        program.write_text(f"#!{sys.executable}\n{body}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        return places

    return install


def test_an_absent_program_is_named_with_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match=r"mmseqs .*apt install mmseqs2.*conda install .*brew install mmseqs2") as caught:
        cluster({"a": "MKTAYIAK", "b": "MKTAYIAR"})
    assert caught.value.exit_code == 2


def test_a_failing_program_is_quoted_and_a_slow_one_is_ended(stand_in: Callable[[str], Path]) -> None:
    places = stand_in("import sys; print('first line'); print('Cannot allocate memory', file=sys.stderr); sys.exit(3)")
    with pytest.raises(ResourceError, match=r"mmseqs easy-cluster ended with status 3: .*Cannot allocate memory"):
        cluster({"a": "MKTAYIAK", "b": "MKTAYIAR"})
    assert list(places.iterdir()) == []
    child = "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    stand_in(f"{child}; open('../../pid', 'w').write(str(p.pid)); time.sleep(60)")
    with pytest.raises(ResourceError, match=r"mmseqs easy-search was not done after 1\.5 s"):
        closest({"a": "MKTAYIAK" * 2}, {"b": "MKTAYIAR" * 2}, seconds=1.5)
    assert list(places.iterdir()) == []
    state = Path(f"/proc/{(places.parent / 'pid').read_text()}/stat")
    for _ in range(100):  # the signal is sent by now; a busy machine takes its time to deliver it
        if not state.exists() or state.read_text().split()[2] == "Z":
            break
        time.sleep(0.1)
    else:
        pytest.fail("a child of the program still runs")
