"""A small but real study: some contigs of the annotated genome, and the first stretch of the species kept out."""

import gzip
from pathlib import Path

import pytest

from glmkit.acquire import sample

HELD_OUT = 120_000  # bases


def text(name: str) -> str:
    """A shipped sample, decompressed."""
    return gzip.decompress(sample(name).read_bytes()).decode()


def small_genbank(path: Path, low: int = 20_000, high: int = 60_000, most: int = 12) -> Path:
    """The first contigs between `low` and `high` bases of the annotated genome, as they stand in the sample."""
    entries = text("leptospira_kirschneri_h1").split("//\n")
    chosen = [entry for entry in entries if entry.strip() and low <= int(entry.split(maxsplit=3)[2]) <= high][:most]
    path.write_text("".join(f"{entry}//\n" for entry in chosen))
    return path


@pytest.fixture(scope="session")
def small_sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Values for the acquire notebook's parameters."""
    folder = tmp_path_factory.mktemp("sources")
    header, *lines = text("helicobacter_pylori_g27").splitlines()
    (folder / "other.fasta").write_text(f"{header}\n{''.join(lines)[:HELD_OUT]}\n")
    genes = text("helicobacter_pylori_g27_prodigal").splitlines()
    kept = [line for line in genes if line.startswith("#") or int(line.split("\t")[4]) <= HELD_OUT]
    (folder / "other.gff").write_text("\n".join(kept) + "\n")
    header, *lines = text("staphylococcus_aureus_n315").splitlines()
    (folder / "more.fasta").write_text(f"{header}\n{''.join(lines)[:200_000]}\n")
    return {
        "annotated": [str(small_genbank(folder / "small.gb"))],
        "unlabelled": [str(folder / "more.fasta")],
        "held_out": [str(folder / "other.fasta")],
        "predicted_genes": [str(folder / "other.gff")],
    }
