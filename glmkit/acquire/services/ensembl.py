"""Ensembl: files of a pinned release, checked against its CHECKSUMS, and sequences by stable id from REST.

``ensembl:homo_sapiens/115/pep``, ``ensembl:homo_sapiens/115/dna/chromosome.22``, ``ensembl:saccharomyces_cerevisiae/115/gtf``
each denote one file of ``release-115``: species, release, kind and, if a kind has several files, a part of the file name.
Stable ids (``ensembl:ENSG00000139618,ENSG00000141510#type=cds``) are fetched from REST, which serves the current release only.
With ``#release=115`` any other release is an error.
"""

import os
import re
from pathlib import Path

from glmkit.acquire.fetch_job import Fetched, Job
from glmkit.acquire.http.client import Client
from glmkit.acquire.http.download import download
from glmkit.acquire.http.request import Refused
from glmkit.acquire.packages.wheels import NotAsPublished
from glmkit.acquire.services.bsdsum import bsd_sum
from glmkit.acquire.services.ensembl_rest import fetch_ids
from glmkit.errors import BadInput

OPTIONS = {"type": "genomic, cdna, cds or protein, for stable ids", "release": "release that REST must have, for stable ids"}
FILES = "https://ftp.ensembl.org/pub"
LICENCE = "no restriction by Ensembl (see its legal page); the assembly's providers may hold rights"
# Kind: folder above the species; whether the species has a subfolder of that name; default suffixes, separated by "|".
_KINDS = {
    "dna": ("fasta", True, ".dna.primary_assembly.fa.gz|.dna.toplevel.fa.gz"),
    "dna_rm": ("fasta", True, ".dna_rm.primary_assembly.fa.gz|.dna_rm.toplevel.fa.gz"),
    "dna_sm": ("fasta", True, ".dna_sm.primary_assembly.fa.gz|.dna_sm.toplevel.fa.gz"),
    "cdna": ("fasta", True, ".cdna.all.fa.gz"),
    "cds": ("fasta", True, ".cds.all.fa.gz"),
    "ncrna": ("fasta", True, ".ncrna.fa.gz"),
    "pep": ("fasta", True, ".pep.all.fa.gz"),
    "gtf": ("gtf", False, "{release}.gtf.gz"),
    "gff3": ("gff3", False, "{release}.gff3.gz"),
}
_PINNED = re.compile(r"([a-z0-9_]+)/(\d+)/([a-z0-9_]+)(?:/([A-Za-z0-9._-]+))?")
_ID = re.compile(r"[A-Z][A-Za-z0-9_.-]+(?:,\s*[A-Z][A-Za-z0-9_.-]+)*")
_LINE = re.compile(r"(\d+)\s+(\d+)\s+(?:.*/)?(\S+)")


def fetch_ensembl(job: Job) -> Fetched:
    """Fetch a source ``ensembl:…``.

    Parameters
    ----------
    job
        Job whose query is ``SPECIES/RELEASE/KIND[/PART]``, or stable ids separated by commas.

    Returns
    -------
    Fetched
        One file.

    Raises
    ------
    BadInput
        The name is malformed, or Ensembl has no such species, release, file or id.
    NotAsPublished
        The checksum of the file is not the published one.
    NetworkError
        The file could not be fetched completely.
    """
    if not (named := _PINNED.fullmatch(job.query)):
        if _ID.fullmatch(job.query):
            return fetch_ids(job)
        raise BadInput(
            f"{job.query!r} is neither species/release/kind, such as 'homo_sapiens/115/pep', nor stable ids, such as "
            "'ENSG00000139618'."
        )
    if job.options:
        raise BadInput(f"The options {', '.join(job.options)} are for stable ids; {job.query} takes none. Remove them.")
    species, release, kind, part = named.groups()
    if kind not in _KINDS:
        raise BadInput(f"{kind!r} is not a supported kind of file. Choose one of: {', '.join(_KINDS)}.")
    top, nested, usual = _KINDS[kind]
    client = Client(service="Ensembl", patience=job.patience)
    base = (job.address or os.environ.get("GLMKIT_ENSEMBL_FTP_URL") or FILES).rstrip("/")
    place = f"{base}/release-{release}/{top}/{species}" + (f"/{kind}" if nested else "")
    sums = _checksums(client, place, species, release)
    name = _chosen(sums, kind, part, usual.format(release=release))
    target = download(client, f"{place}/{name}", job.folder / name, watcher=job.watcher)
    _verify(target, *sums[name])
    return Fetched(
        path=target,
        source=f"Ensembl release {release}: {place}/{name}",
        licence=LICENCE,
        description=f"{kind} of {species}, Ensembl release {release}",
        organism=species.replace("_", " ").capitalize(),
    )


def _checksums(client: Client, place: str, species: str, release: str) -> dict[str, tuple[int, int]]:
    """Checksum and number of 1,024-byte blocks of each file in a folder."""
    try:
        text = client.request(
            f"{place}/CHECKSUMS", check=lambda answer: "" if _LINE.match(answer.text) else "no list of checksums"
        ).text
    except Refused as error:
        if error.status == 404:
            raise BadInput(
                f"Ensembl has no {place}: is {species!r} the species' name in lower case, and does release {release} have it?"
            ) from error
        raise
    found = (_LINE.fullmatch(line.strip()) for line in text.splitlines())
    return {line[3]: (int(line[1]), int(line[2])) for line in found if line}


def _chosen(sums: dict[str, tuple[int, int]], kind: str, part: str | None, usual: str) -> str:
    """The single file selected by `part`, or by the default suffixes `usual`."""
    data = sorted(name for name in sums if name.endswith(".gz"))
    if part:
        fits = [name for name in data if name == part] or [name for name in data if f".{kind}.{part}." in name]
        fits = fits or [name for name in data if part in name]
    else:
        fits = next((fit for end in usual.split("|") if (fit := [name for name in data if name.endswith(end)])), [])
    if len(fits) == 1:
        return fits[0]
    some = ", ".join((fits or data)[:8]) + (" …" if len(fits or data) > 8 else "")
    matched = f"{part!r} is part of {len(fits)} names" if part else f"{len(fits)} files have the default name"
    raise BadInput(f"The source must select one file of this folder, but {matched}. Add a part of a name after the kind: {some}.")


def _verify(target: Path, expected: int, blocks: int) -> None:
    """Compare a file with its published checksum."""
    got = bsd_sum(target)
    if got != (expected, blocks):
        target.unlink()
        raise NotAsPublished(
            f"{target.name} is not as published: Ensembl states sum {expected} and {blocks} blocks, got {got[0]} and {got[1]}."
        )
