"""Genomes from FASTA or GenBank files, and the addition of predicted genes as features."""

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
    """Read all records of a DNA FASTA or GenBank file; the format is detected from the first word.

    Parameters
    ----------
    path
        Path of plain, gzip or BGZF text.
    report
        Report to which accepted irregularities are added; None discards them.

    Returns
    -------
    list of Record
        Records in file order. For genomes larger than memory, iterate over :func:`read_fasta` instead.

    Raises
    ------
    BadInput
        The file is in neither format, or violates its format.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "genome.fasta")
    ...     _ = path.write_text(">plasmid1 a made-up plasmid\\nACGTTGCA\\nNNacgt\\n")
    ...     records = read_genome(path)
    >>> [(record.id, len(record)) for record in records]
    [('plasmid1', 14)]
    """
    head = next(iter(read_blocks(path, 4096))).lstrip()
    if head.startswith(b"LOCUS"):
        return list(read_genbank(path, report=report))
    if head.startswith(b">"):
        return list(read_fasta(path, report=report))
    shown = head[:30].decode("utf-8", "replace")
    raise BadInput(f"{path}, line 1: expected '>' (FASTA) or 'LOCUS' (GenBank), got {shown!r}. Give a genome in one of the two.")


def with_genes(records: Sequence[Record], genes: Iterable[GffFeature]) -> list[Record]:
    """Add the coding sequences of a GFF3 file to records as features.

    Parameters
    ----------
    records
        Records of the genome; they are not modified.
    genes
        Features from :func:`read_gff`; kinds other than ``CDS`` are ignored. Prodigal's ``partial=10`` (flags of a missing
        left and right edge) is converted to the biological 5' and 3' ends.

    Returns
    -------
    list of Record
        Copies of `records`, in their order, with the added features.

    Raises
    ------
    BadInput
        A gene lies on a record that is absent or beyond its end: the file belongs to another genome.

    Examples
    --------
    >>> from glmkit.bio import Interval
    >>> gene = GffFeature(Interval("plasmid1", 2, 11, 1), "Prodigal_v2.6.3", "CDS", phase=0)
    >>> record, = with_genes([Record("plasmid1", "CCATGGCATAACC")], [gene])
    >>> feature, = record.of_kind("CDS")
    >>> feature.location.extract(record.sequence)
    'ATGGCATAA'
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
