"""Samples are what the index says, and copies are verified."""

import gzip
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from glmkit.acquire import acquire, sample, samples
from glmkit.acquire.packages import _samples as shipped
from glmkit.bio import read_fasta
from glmkit.errors import BadInput
from glmkit.files import sha256


def test_samples_are_complete_and_small() -> None:
    cards = samples()
    assert [card.name for card in cards] == [
        "leptospira_kirschneri_h1",
        "staphylococcus_aureus_n315",
        "escherichia_coli_mg1655",
        "helicobacter_pylori_g27",
        "helicobacter_pylori_g27_prodigal",
        "protein_locations",
        "protein_locations_labels",
        "human_proteins_3k",
        "pbmc68k",
    ]
    for card in cards:
        assert sha256(card.path) == card.sha256
        assert all((card.source, card.licence, card.date, card.organism, card.description))
    assert sum(card.path.stat().st_size for card in cards) < 6_000_000
    files = {path.name for path in shipped.SAMPLES.iterdir()}
    assert files == {card.path.name for card in cards} | {"index.json", "README.md"}


def test_predicted_genes_are_never_called_annotated() -> None:
    card = next(card for card in samples() if card.name.endswith("_prodigal"))
    assert "predicted by Prodigal 2.6.3" in card.description
    assert "not an annotation" in card.description


def test_protein_samples_fit_together() -> None:
    records = list(read_fasta(sample("protein_locations"), alphabet="protein"))
    rows = gzip.decompress(sample("protein_locations_labels").read_bytes()).decode().splitlines()
    assert rows[0] == "id\tlocation"
    assert [row.split("\t")[0] for row in rows[1:]] == [record.id for record in records]
    assert Counter(row.split("\t")[1] for row in rows[1:]) == {"extracellular": 325, "mitochondrion": 307}
    by_id = {record.id: record.sequence for record in records}
    assert by_id["Q16762"].endswith("VSQGKSEKA")
    assert by_id["Q9P0J0"].startswith("AASKVKQDM")
    assert by_id["P35914"].startswith("MAAMRKALP")
    human = list(read_fasta(sample("human_proteins_3k"), alphabet="protein"))
    lengths = [len(record.sequence) for record in human]
    assert (len({record.id for record in human}), min(lengths) >= 30, max(lengths) <= 600) == (3000, True, True)
    with pytest.raises(BadInput, match=r"This looks like a protein: read it with alphabet='protein'"):
        list(read_fasta(sample("protein_locations")))


def test_unknown_sample() -> None:
    with pytest.raises(
        BadInput, match=r"no sample 'helicobacter_pylori'. Did you mean 'helicobacter_pylori_g27'\? Samples: lepto"
    ):
        sample("helicobacter_pylori")


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "samples"
    shutil.copytree(shipped.SAMPLES, folder)
    monkeypatch.setattr(shipped, "SAMPLES", folder)
    return folder / "helicobacter_pylori_g27_prodigal.gff.gz"


def test_changed_sample_is_refused(broken: Path) -> None:
    assert sample("helicobacter_pylori_g27_prodigal") == broken
    content = bytearray(broken.read_bytes())
    content[100] ^= 1
    broken.write_bytes(content)
    with pytest.raises(BadInput, match=r"is not as shipped: expected SHA-256 \w+, got \w+. Install glmkit again"):
        sample("helicobacter_pylori_g27_prodigal")
    broken.unlink()
    with pytest.raises(BadInput, match=r"'helicobacter_pylori_g27_prodigal', is missing"):
        sample("helicobacter_pylori_g27_prodigal")


def test_acquire_a_sample_twice(tmp_path: Path) -> None:
    card = acquire("sample:helicobacter_pylori_g27_prodigal", tmp_path / "data")
    assert card.path == tmp_path / "data" / "helicobacter_pylori_g27_prodigal.gff.gz"
    assert sha256(card.path) == card.sha256
    written = json.loads((card.path.parent / f"{card.path.name}.card.json").read_text())
    assert (written["sha256"], written["path"], written["licence"]) == (card.sha256, card.path.name, card.licence)
    before = card.path.stat().st_mtime_ns
    assert acquire("sample:helicobacter_pylori_g27_prodigal", tmp_path / "data") == card
    assert card.path.stat().st_mtime_ns == before
    assert len(list(card.path.parent.iterdir())) == 2


def test_acquire_a_file_of_ones_own(tmp_path: Path) -> None:
    own = tmp_path / "my genome.fasta"
    own.write_text(">a\nACGT\n")
    card = acquire(own, tmp_path / "data")
    assert (card.name, card.licence, card.source) == ("my genome", "not stated", str(own))
    assert card.path.read_text() == own.read_text()
    own.write_text(">a\nACGTT\n")
    with pytest.raises(BadInput, match=r"my genome.fasta exists and is another file"):
        acquire(own, tmp_path / "data")
    assert card.path.read_text() == ">a\nACGT\n"


def test_acquire_in_place_keeps_the_file(tmp_path: Path) -> None:
    own = tmp_path / "a.fasta"
    own.write_text(">a\nACGT\n")
    assert acquire(str(own), tmp_path).path.read_text() == ">a\nACGT\n"


def test_acquire_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere.fasta is not a file. Give the path of a file, or 'sample:NAME'"):
        acquire(tmp_path / "nowhere.fasta", tmp_path / "data")
    assert not (tmp_path / "data").exists()
