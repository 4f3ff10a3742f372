"""The GFF3 reader on Prodigal's real output and on bad files."""

import gzip
from pathlib import Path

import pytest

from glmkit.acquire import sample
from glmkit.bio import Interval, read_fasta, read_gff
from glmkit.bio.genetic_codes import start_codons, stop_codons
from glmkit.errors import BadInput

LINE = "chr%201\tmade up\tCDS\t3\t8\t1.5\t-\t2\tID=a%3Bb;Parent=x,y;Note=says%20so\n"


def test_prodigal_genes_start_and_stop_where_they_should() -> None:
    genes = list(read_gff(sample("helicobacter_pylori_g27_prodigal")))
    (genome,) = read_fasta(sample("helicobacter_pylori_g27"))
    assert len(genes) == 1567
    assert {gene.source for gene in genes} == {"Prodigal_v2.6.3"}
    for gene in genes:
        sequence = gene.interval.extract(genome.sequence)
        assert gene.interval.reference == genome.id
        if gene.attributes["partial"] == ["00"]:
            assert sequence[:3] == gene.attributes["start_type"][0]
            assert sequence[:3] in start_codons(11)
            assert sequence[-3:] in stop_codons(11)


def test_columns_are_converted(tmp_path: Path) -> None:
    path = tmp_path / "a.gff"
    path.write_bytes(gzip.compress(f"##gff-version 3\n# note\n\n{LINE}##FASTA\n>x\nACGT\n".encode()))
    (feature,) = read_gff(path)
    assert feature.interval == Interval("chr 1", 2, 8, -1)
    assert (feature.source, feature.kind, feature.score, feature.phase) == ("made up", "CDS", 1.5, 2)
    assert feature.attributes == {"ID": ["a;b"], "Parent": ["x", "y"], "Note": ["says so"]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", r"empty \(0 bytes\)"),
        (LINE, "line 1: expected '##gff-version 3'"),
        ("<html>busy</html>\n", "line 1: expected GFF3, got what looks like a web page"),
        (
            "##gff-version 3\n" + LINE.replace("\t", " "),
            "line 2: expected 9 tab-separated columns, got 1. Columns are separated by tabs",
        ),
        ("##gff-version 3\n" + LINE[:25], "line 2: expected 9 tab-separated columns, got 6. The line may be truncated"),
        ("##gff-version 3\n" + LINE.replace("\t3\t", "\t0\t"), "line 2: expected 1 <= start <= end"),
        ("##gff-version 3\n" + LINE.replace("\t3\t", "\t9\t"), "line 2: expected 1 <= start <= end"),
        ("##gff-version 3\n" + LINE.replace("-", "x"), "strand 'x'"),
        ("##gff-version 3\n" + LINE.replace("\t2\t", "\t.\t"), "phase '.'; expected 0, 1 or 2 for a CDS"),
        ("##gff-version 3\n" + LINE.replace("1.5", "high"), "score 'high' is neither a number"),
        ("##gff-version 3\n" + LINE.replace("ID=a", 'gene_id "a"'), "expected name=value.*GTF"),
    ],
)
def test_bad_files(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "a.gff"
    path.write_text(content)
    with pytest.raises(BadInput, match=words) as caught:
        list(read_gff(path))
    assert str(path) in str(caught.value)
