"""Build the samples that ship inside glmkit, byte for byte, from four Debian packages and two published packages.

    apt-get install any2fasta-examples ragout-examples prodigal r-bioc-rcpi
    python tests/data/build_samples.py

(Of r-bioc-rcpi two files are read; where R is not wanted, unpack it with ``dpkg -x`` and name its folder in ``RCPI``.)
Sequences and annotation come from public INSDC and RefSeq records that those packages carry as example data. What is taken
out of the annotated genome is what a language-model study does not read and what makes it large: protein translations,
literature references, comments and notes. ``glmkit/acquire/sample_data/README.md`` says the same in prose.
"""

import gzip
import json
import os
import random
import re
import subprocess
import tempfile
import warnings
from pathlib import Path

import anndata
import numpy as np
import pandas as pd

from glmkit.acquire.packages import fetch_packaged
from glmkit.bio import map_genes, read_fasta
from glmkit.files import sha256, write_json

DOC = Path("/usr/share/doc")
RAGOUT = DOC / "ragout" / "examples"
SAMPLES = Path(__file__).parents[2] / "glmkit" / "acquire" / "sample_data"
RCPI = Path(os.environ.get("RCPI", "/")) / "usr/lib/R/site-library/Rcpi/vignettedata"
LIMIT = 6_000_000

DROPPED_BLOCKS = {"REFERENCE", "COMMENT"}
DROPPED_QUALIFIERS = {"translation", "inference", "note", "old_locus_tag"}
FREE = "sequence data: NCBI/INSDC, no restriction on use"
DATE = "2026-11-21"

GENOMES = {
    "staphylococcus_aureus_n315": {
        "file": "S.Aureus/references/N315.fasta.gz",
        "organism": "Staphylococcus aureus subsp. aureus N315",
        "header": "NC_002745.2 Staphylococcus aureus subsp. aureus N315 chromosome, complete genome",
        "accession": "RefSeq NC_002745.2",
    },
    "escherichia_coli_mg1655": {
        "file": "E.Coli/references/MG1655-K12.fasta.gz",
        "organism": "Escherichia coli str. K-12 substr. MG1655",
        "header": "NC_000913.2 Escherichia coli str. K-12 substr. MG1655 chromosome, complete genome",
        "accession": "RefSeq NC_000913.2, identified by strain and length (4,639,675 bp): the packaged file names only the strain",
    },
    "helicobacter_pylori_g27": {
        "file": "H.Pylori/references/G27.fasta.gz",
        "organism": "Helicobacter pylori G27",
        "header": "NC_011333.1 Helicobacter pylori G27 chromosome, complete genome",
        "accession": "RefSeq NC_011333.1",
    },
}


def compress(path: Path, text: str) -> None:
    """Write gzip that depends on `text` alone: no name, no time."""
    path.write_bytes(gzip.compress(text.encode("ascii"), compresslevel=9, mtime=0))


def feature_blocks(table: list[str]) -> list[list[str]]:
    """The lines of a feature table, one list a feature."""
    blocks: list[list[str]] = []
    for line in table:
        if line[5:6] != " ":
            blocks.append([])
        blocks[-1].append(line)
    return blocks


def slim_feature(block: list[str]) -> list[str]:
    """A feature without the qualifiers in `DROPPED_QUALIFIERS`."""
    kept, keeping = [block[0]], True
    for line in block[1:]:
        if name := re.match(r" {21}/(\w+)", line):
            keeping = name[1] not in DROPPED_QUALIFIERS
        if keeping:
            kept.append(line)
    return kept


def slim_record(text: str) -> str:
    """A GenBank record without references, comments, bulky qualifiers, and genes that only repeat the next feature's location."""
    head, rest = text.split("\nFEATURES", 1)
    blocks = re.split(r"\n(?=[A-Z])", head)
    head = "\n".join(block for block in blocks if block.split(maxsplit=1)[0] not in DROPPED_BLOCKS)
    cut = re.search(r"\n(?=CONTIG|ORIGIN)", rest)
    assert cut, "a record without ORIGIN"
    title, *table = rest[: cut.start()].split("\n")
    features = feature_blocks(table)
    locations = [block[0][21:] for block in features]
    kept = [
        slim_feature(block)
        for index, block in enumerate(features)
        if not (block[0].startswith("     gene ") and locations[index] in locations[index + 1 : index + 2])
    ]
    lines = [line for block in kept for line in block]
    return "\n".join([head, f"FEATURES{title}", *lines]) + rest[cut.start() :]


def build_annotated() -> dict[str, str]:
    """The annotated genome: Leptospira kirschneri H1, 75 contigs."""
    name, source = "leptospira_kirschneri_h1", DOC / "any2fasta" / "examples" / "test.gbk.gz"
    records = gzip.decompress(source.read_bytes()).decode("ascii").split("\n//\n")
    compress(
        SAMPLES / f"{name}.gb.gz", "".join(slim_record(record.lstrip("\n")) + "\n//\n" for record in records if record.strip())
    )
    return {
        "name": name,
        "file": f"{name}.gb.gz",
        "organism": "Leptospira kirschneri str. H1",
        "description": "75 contigs with RefSeq annotation (NCBI Prokaryotic Genome Annotation Pipeline 4.3, 2017-11-23), without "
        "translations, notes and references",
        "source": "RefSeq NZ_AHMY02000001 to NZ_AHMY02000075 (assembly GCF_000243915.1), from Debian any2fasta-examples 0.4.2-2, "
        "/usr/share/doc/any2fasta/examples/test.gbk.gz",
        "licence": f"{FREE}; package any2fasta-examples: GPL-3",
    }


def build_genome(name: str) -> dict[str, str]:
    """One genome as FASTA, 80 letters a line, its accession as the id and the packaged header kept in the description."""
    genome = GENOMES[name]
    lines = gzip.decompress((RAGOUT / genome["file"]).read_bytes()).decode("ascii").splitlines()
    sequence = "".join(lines[1:])
    assert not any(line.startswith(">") for line in lines[1:])
    rows = [sequence[at : at + 80] for at in range(0, len(sequence), 80)]
    header = f">{genome['header']} [packaged as: {lines[0][1:]}]"
    compress(SAMPLES / f"{name}.fasta.gz", "\n".join([header, *rows]) + "\n")
    return {
        "name": name,
        "file": f"{name}.fasta.gz",
        "organism": genome["organism"],
        "description": f"complete chromosome, {len(sequence):,} bp, circular",
        "source": f"{genome['accession']}; from Debian ragout-examples 2.3-4, /usr/share/doc/ragout/examples/{genome['file']}",
        "licence": f"{FREE}; package ragout-examples: BSD-3-Clause",
    }


def build_predicted() -> dict[str, str]:
    """Genes of the H. pylori sample as Prodigal predicts them."""
    genome = "helicobacter_pylori_g27"
    with tempfile.TemporaryDirectory() as folder:
        fasta = Path(folder) / "genome.fasta"
        fasta.write_bytes(gzip.decompress((SAMPLES / f"{genome}.fasta.gz").read_bytes()))
        argv = ["prodigal", "-q", "-f", "gff", "-i", str(fasta)]
        text = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=300).stdout
    assert "Prodigal.v2.6.3" in text
    compress(SAMPLES / f"{genome}_prodigal.gff.gz", text)
    return {
        "name": f"{genome}_prodigal",
        "file": f"{genome}_prodigal.gff.gz",
        "organism": GENOMES[genome]["organism"],
        "description": "genes predicted by Prodigal 2.6.3 in the sample helicobacter_pylori_g27; a prediction, not an annotation",
        "source": "prodigal -q -f gff (Debian prodigal 1:2.6.3-6) run on the sample helicobacter_pylori_g27",
        "licence": f"{FREE}; predicted features: CC0-1.0",
    }


LOCATIONS = {"extracellular": "extracell.fasta", "mitochondrion": "mitochondrion.fasta"}
LOCATED_SOURCE = (
    "benchmark of Cell-PLoc (Chou and Shen 2008, Nature Protocols 3, 153), from Debian r-bioc-rcpi 1.34.0+ds-1, "
    "/usr/lib/R/site-library/Rcpi/vignettedata/extracell.fasta and mitochondrion.fasta"
)
SWISSPROT = "CC BY 4.0 (UniProt Consortium)"


def build_located() -> list[dict[str, str]]:
    """Human proteins by their place in the cell, and the table of places.

    In the packaged files one header stands in the middle of a line and another has its sequence on its own line; words that
    begin with ``>`` are headers wherever they stand.
    """
    records: list[tuple[str, str, str]] = []
    for place, file in LOCATIONS.items():
        for block in (RCPI / file).read_text(encoding="ascii").split(">")[1:]:
            accession, *rows = block.split()
            records.append((accession, place, "".join(rows)))
    assert len({accession for accession, _, _ in records}) == len(records) == 632
    fasta, table = "protein_locations.fasta.gz", "protein_locations_labels.tsv.gz"
    compress(SAMPLES / fasta, "".join(as_fasta(accession, sequence) for accession, _, sequence in records))
    compress(SAMPLES / table, "id\tlocation\n" + "".join(f"{accession}\t{place}\n" for accession, place, _ in records))
    common = {"organism": "Homo sapiens", "licence": f"sequences: {SWISSPROT}; package r-bioc-rcpi: Artistic-2.0"}
    counts = " and ".join(f"{sum(place == name for _, place, _ in records)} {name}" for name in LOCATIONS)
    return [
        {
            "name": "protein_locations",
            "file": fasta,
            "description": f"{len(records)} human proteins by UniProt accession: {counts}; places are in protein_locations_labels",
            "source": LOCATED_SOURCE,
            **common,
        },
        {
            "name": "protein_locations_labels",
            "file": table,
            "description": "a row for each protein of the sample protein_locations: id, location",
            "source": LOCATED_SOURCE,
            **common,
        },
    ]


def build_human() -> dict[str, str]:
    """3,000 human proteins of Swiss-Prot, 30 to 600 residues long, drawn with a fixed seed, in the order of the source."""
    whole = fetch_packaged("human-swissprot")[0]
    fitting = [record for record in read_fasta(whole.path, alphabet="protein") if 30 <= len(record.sequence) <= 600]
    chosen = sorted(random.Random(0).sample(range(len(fitting)), 3000))
    text = "".join(as_fasta(f"{fitting[at].id} {fitting[at].description}", fitting[at].sequence) for at in chosen)
    compress(SAMPLES / "human_proteins_3k.fasta.gz", text)
    return {
        "name": "human_proteins_3k",
        "file": "human_proteins_3k.fasta.gz",
        "organism": "Homo sapiens",
        "description": f"3,000 of the {len(fitting):,} human UniProtKB/Swiss-Prot proteins of 30 to 600 residues, drawn with seed 0",
        "source": f"UniProtKB/Swiss-Prot, from {whole.source}",
        "licence": f"sequences: {SWISSPROT}; package promb: MIT",
    }


def build_cells() -> dict[str, str]:
    """700 blood cells: counts taken back from the log-normalised values and the totals that scanpy's own file keeps."""
    whole = fetch_packaged("scanpy-pbmc68k")[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # on where old files keep their neighbours
        old = anndata.read_h5ad(whole.path)
    totals, values = old.obs["n_counts"].to_numpy(dtype=np.float64), old.raw.X.astype(np.float64)
    values.data = np.expm1(values.data) * np.repeat(totals, np.diff(values.indptr)) / 1e4
    counts = values.copy()
    counts.data = np.rint(values.data)
    assert counts.data.min() == 1
    assert (np.abs(values.data - counts.data) / counts.data).max() < 1e-3  # what float32 leaves
    obs = old.obs[["bulk_labels", "louvain", "percent_mito"]].rename_axis(None)
    obs["total_counts_all_genes"] = totals.astype(np.int32)
    genes = map_genes(old.raw.var_names)
    var = pd.DataFrame({"ensembl_id": [gene if known else "" for gene, known in zip(genes.ids, genes.known, strict=True)]})
    var.index = old.raw.var_names.rename(None)
    cells = anndata.AnnData(X=counts.toarray().astype(np.uint16), obs=obs, var=var)  # packs better than sparse
    cells.write_h5ad(SAMPLES / "pbmc68k.h5ad", compression="gzip", compression_opts=9)
    return {
        "name": "pbmc68k",
        "file": "pbmc68k.h5ad",
        "organism": "Homo sapiens",
        "description": f"{cells.n_obs} peripheral blood cells, {cells.n_vars} genes by symbol (var.ensembl_id: {sum(genes.known)} of "
        "them), raw counts; obs: bulk_labels, louvain, percent_mito, total_counts_all_genes (over all genes measured, not these alone)",
        "source": "subset of Fresh 68k PBMCs, donor A (Zheng et al. 2017, Nature Communications 8, 14049); counts taken back as "
        f"round(expm1(raw) * n_counts / 10,000) from {whole.source}",
        "licence": "package scanpy, which carries the data: BSD-3-Clause",
    }


def as_fasta(header: str, sequence: str) -> str:
    """One record, 60 letters a line."""
    return "\n".join([f">{header.strip()}", *(sequence[at : at + 60] for at in range(0, len(sequence), 60))]) + "\n"


def main() -> None:
    """Build every file, then the index that names them."""
    SAMPLES.mkdir(parents=True, exist_ok=True)
    cards = [build_annotated(), *map(build_genome, GENOMES), build_predicted(), *build_located(), build_human(), build_cells()]
    for card in cards:
        card["sha256"] = sha256(SAMPLES / card["file"])
        card["date"] = DATE
    write_json(SAMPLES / "index.json", cards)
    sizes = {card["file"]: (SAMPLES / card["file"]).stat().st_size for card in cards}
    print(json.dumps(sizes, indent=2), sum(sizes.values()))
    assert sum(sizes.values()) < LIMIT


if __name__ == "__main__":
    main()
