"""NCBI: records by accession or by search from E-utilities, assemblies from NCBI Datasets.

Examples are ``ncbi:NC_000913.3``, ``ncbi:NP_414543.1,NP_414544.1``, ``ncbi:txid562[orgn] AND refseq[filter]#db=nuccore`` and
``ncbi:GCF_000005845.2#format=gff``. The form of an accession determines its database. A search is of nucleotides unless
``#db=protein`` is given.
"""

import hashlib
import os
import re
import shutil
import zipfile
from pathlib import Path, PurePosixPath

from glmkit.acquire.fetch_job import Fetched, Job, file_name, one_of
from glmkit.acquire.http.client import Client
from glmkit.acquire.http.download import download
from glmkit.acquire.http.rate_limit import Limiter
from glmkit.acquire.http.request import Refused
from glmkit.acquire.http.zip_members import Damaged, copy_member
from glmkit.acquire.packages.wheels import NotAsPublished
from glmkit.acquire.services.eutils import MOST, Eutils
from glmkit.errors import BadInput, NetworkError
from glmkit.files import atomic_path

OPTIONS = {"db": "nuccore or protein", "format": "fasta, genbank; for an assembly also gff, protein", "most": "records at most"}
DATASETS = "https://api.ncbi.nlm.nih.gov/datasets/v2"
PER_SECOND, PER_SECOND_WITH_KEY = 5.0, 10.0  # of NCBI Datasets
LARGEST = 64 << 30  # maximum bytes of an assembly
LICENCE = "no restriction by NCBI; submitters may hold rights (see NCBI's data usage policies)"
_ASSEMBLY = re.compile(r"GC[AF]_\d{9}\.\d+")
_NUCLEOTIDE = re.compile(
    r"(?:(?:NC|NG|NM|NR|NT|NW|NZ|XM|XR|AC)_[A-Z]*\d+|[A-Z]\d{5}|[A-Z]{2}\d{6}(?:\d\d)?|[A-Z]{4,6}\d{8,})(?:\.\d+)?"
)
_PROTEIN = re.compile(r"(?:(?:NP|XP|WP|YP|AP|ZP)_\d+|[A-Z]{3}\d{5}(?:\d\d)?)(?:\.\d+)?")
_ASSEMBLY_FORMS = {
    "fasta": ("GENOME_FASTA", "_genomic.fna", "the sequence"),
    "genbank": ("GENOME_GBFF", "genomic.gbff", "sequence and annotation"),
    "gff": ("GENOME_GFF", "genomic.gff", "the annotation"),
    "protein": ("PROT_FASTA", "protein.faa", "the proteins"),
}


def fetch_ncbi(job: Job) -> Fetched:
    """Fetch a source ``ncbi:…``.

    Parameters
    ----------
    job
        Job whose query is accessions separated by commas, an assembly, or a search.

    Returns
    -------
    Fetched
        One file.

    Raises
    ------
    BadInput
        There is no such accession, the search finds nothing or too much, or an option is wrong.
    NetworkError
        The data could not be fetched completely.
    """
    if _ASSEMBLY.fullmatch(job.query):
        return _assembly(job)
    if re.fullmatch(r"GC[AF]_\d+", job.query):
        raise BadInput(f"{job.query} has no version, so that its data could change. Add one, such as {job.query}.1.")
    form = one_of(job.options, "format", {"fasta": "sequences", "genbank": "with annotation"}, "fasta")
    words = [word.strip() for word in job.query.split(",")]
    kinds = [_kind(word) for word in words]
    named = all(kinds)
    if named and len(set(words)) < len(words):
        raise BadInput(f"An accession is repeated in {job.query[:200]!r}. Name each once.")
    if named and len(set(kinds)) > 1 and "db" not in job.options:
        raise BadInput(f"{job.query[:200]!r} has accessions of nucleotides and of proteins. Fetch them separately.")
    choices = {"nuccore": "nucleotides", "protein": "proteins"}
    database = one_of(job.options, "db", choices, (kinds[0] if named else "") or "nuccore")
    tools = Eutils(job, database, form)
    parts = tools.named(words) if named else tools.records(job.query, _most(job))
    target = job.folder / file_name(job.query, {"fasta": ".fasta", "genbank": ".gb" if database == "nuccore" else ".gp"}[form])
    with atomic_path(target) as temporary, open(temporary, "wb") as file:
        for part in parts:
            with open(job.folder / part, "rb") as piece:
                shutil.copyfileobj(piece, file)
    what = ", ".join(words[:5]) if named else f"the search {job.query}"
    return Fetched(
        path=target,
        source=f"NCBI {database}: {what}",
        licence=LICENCE,
        description=f"{choices[database]} in {form} format",
        organism=_organism(target) if form == "genbank" else "",
    )


def _organism(path: Path) -> str:
    """The species of GenBank records; empty if there are several."""
    with open(path, encoding="utf-8") as file:
        names = {line[12:].strip() for line in file if line.startswith("  ORGANISM  ")}
    return names.pop() if len(names) == 1 else ""


def _kind(word: str) -> str:
    """The database of an accession; empty if `word` is not an accession."""
    return "protein" if _PROTEIN.fullmatch(word) else "nuccore" if _NUCLEOTIDE.fullmatch(word) else ""


def _most(job: Job) -> int:
    """The maximum number of records of a search."""
    text = job.options.get("most", str(MOST))
    if not text.isdigit() or int(text) < 1:
        raise BadInput(f"most={text} is not a positive whole number. Give one, such as most={MOST}.")
    return int(text)


def _assembly(job: Job) -> Fetched:
    """One file of the data package of an assembly, checked against the MD5 sums of the package."""
    choices = {form: meaning for form, (_, _, meaning) in _ASSEMBLY_FORMS.items()}
    kind, ending, meaning = _ASSEMBLY_FORMS[one_of(job.options, "format", choices, "fasta")]
    key = os.environ.get("NCBI_API_KEY", "")
    name, rate = ("datasets-with-key", PER_SECOND_WITH_KEY) if key else ("datasets", PER_SECOND)
    client = Client(
        service="NCBI Datasets",
        limiter=Limiter(name, rate),
        patience=job.patience,
        headers={"api-key": key} if key else {},
        secrets=(key,),
    )
    base = (job.address or os.environ.get("GLMKIT_NCBI_DATASETS_URL") or DATASETS).rstrip("/")
    url = f"{base}/genome/accession/{job.query}/download?include_annotation_type={kind}"
    archive = job.folder / f"{job.query}_{kind}.zip"
    try:
        if not archive.exists():
            download(client, url, archive, watcher=job.watcher)
    except Refused as error:
        if error.status in (400, 404):
            raise BadInput(f"NCBI Datasets has no {job.query}: {error}") from error
        raise
    try:
        target = _unpack(archive, job.query, ending)
    finally:
        archive.unlink()
    return Fetched(
        path=target, source=f"NCBI Datasets: {job.query}, {target.name}", licence=LICENCE, description=f"{meaning} of {job.query}"
    )


def _unpack(archive: Path, accession: str, ending: str) -> Path:
    """Copy the single member with suffix `ending` from a data package, and verify its MD5 against the package."""
    try:
        with zipfile.ZipFile(archive) as opened:
            inside = [name for name in opened.namelist() if f"/{accession}/" in name and name.endswith(ending)]
            sums = opened.read("md5sum.txt").decode("utf-8", "replace") if "md5sum.txt" in opened.namelist() else ""
    except zipfile.BadZipFile as error:
        raise NotAsPublished(f"The data of NCBI Datasets for {accession} are not a valid zip archive ({error}).") from error
    if len(inside) != 1:
        raise BadInput(
            f"NCBI Datasets' package of {accession} has {len(inside)} files {ending}, where 1 was expected. Check that the "
            "assembly has this annotation."
        )
    plain = PurePosixPath(inside[0]).name
    target = archive.with_name(plain if plain.startswith(accession) else f"{accession}_{plain}")
    try:
        copy_member(archive, inside[0], target, None, largest=LARGEST)
    except Damaged as error:
        raise NotAsPublished(str(error)) from error
    stated = {name.strip(): md5 for md5, _, name in (line.partition(" ") for line in sums.splitlines())}
    with open(target, "rb") as file:
        got = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if inside[0] not in stated:
        raise NetworkError(f"NCBI Datasets' package of {accession} states no MD5 of {inside[0]}. Run this again later.")
    if stated[inside[0]] != got:
        target.unlink()
        raise NotAsPublished(f"{inside[0]} of {accession} has MD5 {got}, where the package states {stated[inside[0]]}.")
    return target
