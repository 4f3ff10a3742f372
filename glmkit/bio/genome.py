"""A genome from one file, whichever of FASTA and GenBank it is, and gene predictions put onto it as features."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from glmkit.bio.files.fasta import read_fasta
from glmkit.bio.files.genbank import read_genbank
from glmkit.bio.files.gff import GffFeature
from glmkit.bio.files.opening import read_blocks
from glmkit.bio.records import Feature, Location, Record
from glmkit.bio.report import DataReport
from glmkit.errors import BadInput


def read_genome(path: str | Path, report: DataReport | None = None) -> list[Record]:
    """Read all records of a DNA FASTA or GenBank file, told apart by its first word.

    Parameters
    ----------
    path
        Plain, gzip or BGZF text.
    report
        Counts what is accepted with a remark.

    Returns
    -------
    list of Record
        In file order. For genomes that outgrow memory, iterate over :func:`read_fasta` instead.

    Raises
    ------
    BadInput
        The file is neither, or its reader refuses it.
    """
    head = next(iter(read_blocks(path, 4096))).lstrip()
    if head.startswith(b"LOCUS"):
        return list(read_genbank(path, report=report))
    if head.startswith(b">"):
        return list(read_fasta(path, report=report))
    shown = head[:30].decode("utf-8", "replace")
    raise BadInput(f"{path}, line 1: expected '>' (FASTA) or 'LOCUS' (GenBank), got {shown!r}. Give a genome in one of the two.")


def with_genes(records: Sequence[Record], genes: Iterable[GffFeature]) -> list[Record]:
    """The same records with the coding sequences of a GFF3 file added as features.

    Parameters
    ----------
    records
        The genome.
    genes
        From :func:`read_gff`; lines that are not ``CDS`` are passed over. Prodigal's ``partial=10`` (the left, then the right
        edge is missing) becomes the feature's biological 5' and 3' ends.

    Returns
    -------
    list of Record
        In the order of `records`.

    Raises
    ------
    BadInput
        A gene lies on a record that is not there, or beyond its end: the file belongs to another genome.
    """
    sizes = {record.id: len(record) for record in records}
    added: dict[str, list[Feature]] = {record.id: [] for record in records}
    for gene in genes:
        where = gene.interval
        if gene.kind != "CDS":
            continue
        if where.reference not in sizes:
            raise BadInput(
                f"The genes lie on {where.reference!r}, but the genome has {', '.join(list(sizes)[:3])}. "
                "Give the GFF3 file that belongs to this genome."
            )
        if where.end > sizes[where.reference]:
            raise BadInput(f"A gene ends at {where.end:,} on {where.reference!r}, which has {sizes[where.reference]:,} bases.")
        edges = [edge == "1" for edge in gene.attributes.get("partial", ["00"])[0][:2].ljust(2, "0")]
        five, three = edges if where.strand >= 0 else reversed(edges)
        location = Location((where,), where.reference, partial_5=five, partial_3=three)
        qualifiers = {"inference": [gene.source], "codon_start": [str((gene.phase or 0) + 1)], **gene.attributes}
        added[where.reference].append(Feature("CDS", location, qualifiers))
    return [replace(record, features=record.features + tuple(added[record.id])) for record in records]
