"""read_genome tells FASTA from GenBank; with_genes puts predictions onto a genome."""

from pathlib import Path

import pytest

from glmkit.acquire import sample
from glmkit.bio import GffFeature, Interval, Record, read_genome, read_gff, with_genes
from glmkit.errors import BadInput


def test_reads_fasta_and_genbank_alike() -> None:
    (record,) = read_genome(sample("helicobacter_pylori_g27"))
    assert (record.id, len(record), record.features) == ("NC_011333.1", 1_652_982, ())
    contigs = read_genome(sample("leptospira_kirschneri_h1"))
    assert len(contigs) == 75
    assert sum(feature.kind == "CDS" for contig in contigs for feature in contig.features) == 4162


def test_another_format_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.fa").write_text("@HD\tVN:1.6\n")
    with pytest.raises(BadInput, match=r"x\.fa, line 1: expected '>' \(FASTA\) or 'LOCUS' \(GenBank\), got '@HD"):
        read_genome(tmp_path / "x.fa")


def test_predicted_genes_are_open_reading_frames() -> None:
    (record,) = with_genes(read_genome(sample("helicobacter_pylori_g27")), read_gff(sample("helicobacter_pylori_g27_prodigal")))
    whole = [f for f in record.features if not (f.location.partial_5 or f.location.partial_3)]
    assert len(whole) > 1400
    genes = [feature.location.extract(record.sequence) for feature in whole]
    assert {gene[:3] for gene in genes} == {"ATG", "GTG", "TTG"}
    assert {gene[-3:] for gene in genes} == {"TAA", "TAG", "TGA"}


def test_partial_edges_become_biological_ends() -> None:
    record = Record("c", "ACGTACGTACGTACG")
    genes = [GffFeature(Interval("c", 0, 6, -1), "p", "CDS", phase=0, attributes={"partial": ["10"]})]
    (annotated,) = with_genes([record], genes)
    location = annotated.features[0].location
    assert (location.partial_5, location.partial_3) == (False, True)


def test_genes_of_another_genome_are_refused() -> None:
    gene = GffFeature(Interval("other", 0, 6, 1), "p", "CDS", phase=0)
    with pytest.raises(BadInput, match=r"lie on 'other', but the genome has c. Give the GFF3 file that belongs"):
        with_genes([Record("c", "ACGTACGT")], [gene])
    with pytest.raises(BadInput, match="ends at 60 on 'c', which has 8 bases"):
        with_genes([Record("c", "ACGTACGT")], [GffFeature(Interval("c", 0, 60, 1), "p", "CDS", phase=0)])
