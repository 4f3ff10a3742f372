"""The GenBank reader against Biopython and against the proteins that NCBI recorded, on real annotated genomes."""

import gzip
from pathlib import Path

import pytest
from Bio import SeqIO

from glmkit.acquire import sample
from glmkit.bio import Record, read_genbank
from glmkit.bio.coding import protein_of
from glmkit.bio.files.genbank import check_genbank

CHLOROPLAST = Path(__file__).parents[3] / "data" / "arabidopsis_chloroplast.gb.gz"
# The package file that the Leptospira sample is built from; it still has its translations.
FULL = Path("/usr/share/doc/any2fasta/examples/test.gbk.gz")


def assert_equals_biopython(path: Path) -> int:
    """Every record and feature of `path` equals Biopython's; returns the number of features."""
    with gzip.open(path, "rt") as file:
        theirs = list(SeqIO.parse(file, "genbank"))
    ours = list(read_genbank(path))
    assert [(r.id, r.sequence) for r in ours] == [(r.id, str(r.seq).upper()) for r in theirs]
    checked = 0
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.topology == other.annotations.get("topology", "linear")
        for feature, reference in zip(mine.features, other.features, strict=True):
            assert feature.kind == reference.type
            assert feature.location.extract(mine.sequence) == str(reference.extract(other.seq)).upper()
            assert (feature.location.start, feature.location.end) == (reference.location.start, reference.location.end)
            assert feature.location.strand == (reference.location.strand or 0)
            assert {k: [v.replace(" ", "") for v in values] for k, values in feature.qualifiers.items()} == {
                k: [v.replace(" ", "") for v in values] for k, values in reference.qualifiers.items()
            }
            checked += 1
    return checked


def wrong_proteins(records: list[Record]) -> tuple[int, list[str]]:
    """How many features have a recorded protein, and the genes whose protein differs from ours."""
    checked, wrong = 0, []
    for record in records:
        for feature in record.of_kind("CDS"):
            for recorded in feature.qualifiers.get("translation", ()):
                checked += 1
                if protein_of(feature, record.sequence) != recorded:
                    wrong.append(feature.qualifiers.get("gene", feature.qualifiers["locus_tag"])[0])
    return checked, wrong


def test_chloroplast_equals_biopython() -> None:
    assert assert_equals_biopython(CHLOROPLAST) == 259


def test_chloroplast_proteins_are_those_recorded() -> None:
    """All but ndhD, whose start codon ACG becomes AUG only by RNA editing; the trans-spliced rps12 is among the equal ones."""
    checked, wrong = wrong_proteins(list(read_genbank(CHLOROPLAST)))
    assert (checked, wrong) == (85, ["ndhD"])


def test_leptospira_sample_equals_biopython() -> None:
    path = sample("leptospira_kirschneri_h1")
    assert check_genbank(path) == (75, 4_594_734, max(len(record) for record in read_genbank(path)))
    assert assert_equals_biopython(path) == 4306


@pytest.mark.skipif(not FULL.exists(), reason="the Debian package any2fasta-examples is not installed")
def test_leptospira_proteins_are_those_recorded() -> None:
    assert wrong_proteins(list(read_genbank(FULL))) == (3697, [])


def test_partial_flags_of_the_sample() -> None:
    records = list(read_genbank(sample("leptospira_kirschneri_h1")))
    first = next(records[0].of_kind("CDS"))
    assert (first.location.partial_5, first.location.partial_3, first.codon_start, first.pseudo) == (True, False, 3, True)
    genes = [feature for record in records for feature in record.of_kind("CDS")]
    assert (len(genes), sum(gene.pseudo for gene in genes)) == (4162, 465)
