"""What a source's name means, which file it becomes, and what its card says; services on loopback that behave.

Covers ``glmkit.acquire.services.cellxgene``, ``glmkit.acquire.services.ensembl``, ``glmkit.acquire.services.ensembl_rest``,
``glmkit.acquire.services.uniprot``, ``glmkit.acquire.services.url``.
"""

import hashlib
import io
import json
import logging
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from glmkit.acquire import acquire
from glmkit.acquire.http import Patience
from glmkit.acquire.packages import fetch_packaged
from glmkit.errors import BadInput, NetworkError
from tests.services.ensembl import Ensembl
from tests.services.eutils import Eutils, records
from tests.services.files import Files

QUICK = Patience(tries=2, pause=0.01, silence=2.0, deadline=5.0)
BYTES = bytes(range(1, 251)) * 1201
VERSION = "17616a35-1b3d-4754-9553-8ddb71267d63"


@pytest.fixture(autouse=True)
def place(service_place: Path) -> Path:
    return service_place


@pytest.fixture
def files(serve: Callable[[Any], Any]) -> Files:
    return serve(Files({"/data.bin": BYTES}))


def package(sums: bool = True, wrong: bool = False) -> bytes:
    """A data package of NCBI Datasets with an assembly of two contigs."""
    inside = {
        "ncbi_dataset/data/GCF_000009999.1/GCF_000009999.1_ASM9v1_genomic.fna": b">NC_1.1\nACGTACG\n>NC_2.1\nTTTAC\n",
        "ncbi_dataset/data/assembly_data_report.jsonl": b"{}\n",
    }
    lines = "".join(f"{hashlib.md5(text).hexdigest()}  {name}\n" for name, text in inside.items())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in inside.items():
            archive.writestr(name, text.replace(b"TTT", b"TTA") if wrong else text)
        archive.writestr("md5sum.txt", lines if sums else "")
    return packed.getvalue()


def test_an_accession_tells_its_database(serve: Callable[[Any], Any], place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(Eutils(records(3) | {"NP_414543.1": ">NP_414543.1 thrA [E. coli]\nMRVLKFGG\n"}))
    monkeypatch.setenv("GLMKIT_NCBI_URL", server.url)
    monkeypatch.setenv("NCBI_EMAIL", "ada@example.org")
    card = acquire("ncbi:AB100001, AB100002.2", place / "out", patience=QUICK)
    assert card.path.read_text().count(">") == 2
    assert (card.path.name, card.source) == ("AB100001_AB100002.2.fasta", "NCBI nuccore: AB100001, AB100002.2")
    acquire("ncbi:NP_414543.1", place / "out", patience=QUICK)
    asked = [{name: fields[name] for name in ("db", "rettype", "tool", "email")} for _, _, fields, _ in server.log]
    assert asked == [
        {"db": db, "rettype": "fasta", "tool": "glmkit", "email": "ada@example.org"} for db in ("nuccore", "protein")
    ]


def test_genbank_records_are_checked_against_their_own_length(serve: Callable[[Any], Any], place: Path) -> None:
    good = (
        "LOCUS       AB200001                  23 bp    DNA     linear   BCT 01-JAN-2025\nVERSION     AB200001.1\n"
        "SOURCE      Testus testus\n  ORGANISM  Testus testus\n            Bacteria.\n"
        "ORIGIN\n        1 acgtacgtac gtacgtacgt\n       21 acg\n//\n"
    )
    server = serve(Eutils({"AB200001.1": good}))
    server.faults = {"efetch": [lambda body: body.replace(b"       21 acg\n", b"")]}
    card = acquire("ncbi:AB200001.1#format=genbank", place / "out", patience=QUICK, address=server.url)
    assert (card.path.read_text(), card.path.name, card.organism) == (good, "AB200001.1.gb", "Testus testus")
    assert server.asked("efetch") == 2
    assert server.log[0][2]["rettype"] == "gbwithparts"


def test_an_assembly_comes_out_of_its_package(serve: Callable[[Any], Any], place: Path) -> None:
    server = serve(Files({"/genome/accession/GCF_000009999.1/download": package()}))
    server.faults = {"/genome": [lambda body: package(wrong=True), lambda body: body]}
    card = acquire("ncbi:GCF_000009999.1", place / "out", patience=QUICK, address=server.url)
    assert card.path.name == "GCF_000009999.1_ASM9v1_genomic.fna"
    assert card.path.read_bytes() == b">NC_1.1\nACGTACG\n>NC_2.1\nTTTAC\n"
    assert [fields["include_annotation_type"] for _, _, fields, _ in server.log] == ["GENOME_FASTA"] * 2
    with pytest.raises(BadInput, match=r"package of GCF_000009999.1 has 0 files genomic.gff, where 1 was expected"):
        acquire("ncbi:GCF_000009999.1#format=gff", place / "out", patience=QUICK, address=server.url)
    server.content = {"/genome/accession/GCF_000009999.1/download": package(sums=False)}
    with pytest.raises(NetworkError, match=r"states no MD5 of ncbi_dataset/data/GCF_000009999.1/GCF"):
        acquire("ncbi:GCF_000009999.1", place / "out", patience=QUICK, address=server.url, renew=True)


def test_stable_ids_come_fifty_at_a_time(serve: Callable[[Any], Any], place: Path) -> None:
    sequences = {f"ENSG{number:011d}": "ACGTN" * (13 + number) for number in range(63)}
    server = serve(Ensembl(sequences, {}, place))
    name = f"ensembl:{','.join(sequences)}"
    card = acquire(f"{name}#type=genomic&release=115", place / "out", patience=QUICK, address=server.url)
    got = {text.split()[0]: "".join(text.split("\n")[1:]) for text in card.path.read_text().split(">")[1:]}
    assert got == sequences
    assert (card.organism, card.source.split(":")[0]) == ("Homo sapiens", "Ensembl REST, release 115")
    sizes = [len(json.loads(fields["json"])["ids"]) for _, path, fields, _ in server.log if path == "/sequence/id"]
    assert sizes == [50, 13]
    with pytest.raises(BadInput, match=r"has release 115 now, not 114. Use the files of that release instead"):
        acquire("ensembl:ENSG00000000001#release=114", place / "out", patience=QUICK, address=server.url)
    with pytest.raises(BadInput, match=r"Ensembl has no ENSG99. Look up retired ids"):
        acquire("ensembl:ENSG99", place / "out", patience=QUICK, address=server.url)


def test_cells_by_version_or_data_set(serve: Callable[[Any], Any], place: Path) -> None:
    content = b"\x89HDF\r\n\x1a\n" + bytes(997)
    server = serve(Files({f"/{VERSION}.h5ad": content}))
    assets = [
        {"filetype": "RDS", "url": "x", "filesize": 3},
        {"filetype": "H5AD", "url": f"{server.url}/{VERSION}.h5ad", "filesize": 1005},
    ]
    found = {
        "dataset_version_id": VERSION,
        "title": "Lung",
        "assets": assets,
        "organism": [{"label": "Homo sapiens"}],
        "citation": "Doe",
    }
    server.content[f"/curation/v1/dataset_versions/{VERSION}"] = json.dumps(found).encode()
    newest = VERSION.replace("1", "2")
    server.content[f"/curation/v1/datasets/{newest}/versions"] = json.dumps([found]).encode()
    card = acquire(f"cellxgene:{VERSION}", place / "out", patience=QUICK, address=server.url)
    assert card.path.read_bytes() == content
    assert (card.organism, card.description, card.licence[:9]) == ("Homo sapiens", "Lung", "CC BY 4.0")
    assert acquire(f"cellxgene:{newest}", place / "out", patience=QUICK, address=server.url).path == card.path
    assets[1]["filesize"] = 1006
    server.content[f"/curation/v1/dataset_versions/{VERSION}"] = json.dumps(found).encode()
    with pytest.raises(NetworkError, match=r"has 1,005 bytes, where 1,006 were published"):
        acquire(f"cellxgene:{VERSION}", place / "out", patience=QUICK, address=server.url, renew=True)
    with pytest.raises(BadInput, match=r"no data set or version 00000000-0000-0000-0000-000000000000, or has withdrawn it"):
        acquire("cellxgene:00000000-0000-0000-0000-000000000000", place / "out", patience=QUICK, address=server.url)


def test_a_file_of_this_machine(place: Path) -> None:
    origin = place / "my data.tsv"
    origin.write_text("a\tb\n")
    card = acquire(f"file://{origin}".replace(" ", "%20"), place / "out")
    assert (card.path.name, card.path.read_text()) == ("my_data.tsv", "a\tb\n")
    with pytest.raises(BadInput, match=r"is not a file of this machine. Write file:///absolute/path"):
        acquire("url:file:///absent", place / "out")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "genbank:U00096",
            r"'genbank:U00096' is not a file, and 'genbank' is not a source. Sources: sample:NAME, package:NAME, ncbi:NC_",
        ),
        ("ncbi:", r"has no name after its prefix"),
        ("ncbi:NC_000913.3#forma=gb", r"'forma=gb' after # is not an option. Did you mean 'format'\? Options here"),
        ("ncbi:NC_000913.3#format=embl", r"format=embl is not one of: fasta \(sequences\), genbank \(with annotation\)"),
        ("ncbi:GCF_000005845", r"GCF_000005845 has no version.* such as GCF_000005845.1"),
        ("ncbi:NC_000913.3,NP_414543.1", r"has accessions of nucleotides and of proteins. Fetch them separately"),
        ("ncbi:NC_1.1,NC_1.1", r"An accession is repeated"),
        ("ncbi:any#most=0", r"most=0 is not a positive whole number"),
        ("ensembl:homo sapiens", r"neither species/release/kind, such as 'homo_sapiens/115/pep', nor stable ids"),
        ("ensembl:homo_sapiens/115/peptides", r"'peptides' is not a supported kind of file. Choose one of: dna, dna_rm"),
        ("ensembl:homo_sapiens/115/pep#type=cds", r"The options type are for stable ids"),
        ("uniprot:P04637#fields=length", r"fields= is for format=tsv"),
        ("cellxgene:lung", r"'lung' is not an id such as 17616a35-"),
        ("url:http://example.org/x", r"http://example.org/x is plain http, which can be altered in transit"),
        ("url:https://example.org/x#sha256=12", r"sha256=12 is not 64 hexadecimal digits"),
        ("url:ftp://example.org/x", r"'ftp://example.org/x' is not an address such as https://host/file"),
    ],
)
def test_names_that_cannot_be_meant(place: Path, name: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        acquire(name, place / "out", patience=QUICK, address="http://127.0.0.1:9")


def test_searches_that_find_nothing_or_too_much(serve: Callable[[Any], Any], place: Path) -> None:
    server = serve(Eutils(records(7)))
    with pytest.raises(BadInput, match=r"NCBI's nuccore has nothing for 'nothing'"):
        acquire("ncbi:nothing", place / "out", patience=QUICK, address=server.url)
    with pytest.raises(BadInput, match=r"NCBI does not recognise 'xyzzy' in 'any OR xyzzy', and would search without it"):
        acquire("ncbi:any OR xyzzy", place / "out", patience=QUICK, address=server.url)
    with pytest.raises(BadInput, match=r"'any' finds 7 records, more than 5. Narrow it, or append #most=7"):
        acquire("ncbi:any#most=5", place / "out", patience=QUICK, address=server.url)
    with pytest.raises(BadInput, match=r"answered 400 .* an accession of NCBI's nuccore"):
        acquire("ncbi:AB999999.1", place / "out", patience=QUICK, address=server.url)


def test_offline_holds_for_packages_too(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLMKIT_OFFLINE", "1")
    with pytest.raises(NetworkError, match=r"GLMKIT_OFFLINE is set and no wheel of sapiens"):
        fetch_packaged("sapiens-vh")


def test_four_at_once_fetch_once(serve: Callable[[Any], Any], place: Path) -> None:
    server = serve(Files({"/data.bin": bytes(range(256)) * 4099}))
    with ThreadPoolExecutor(4) as pool:
        cards = list(pool.map(lambda number: acquire(f"{server.url}/data.bin", place / f"out{number}"), range(4)))
    assert {card.path.stat().st_size for card in cards} == {256 * 4099}
    assert server.asked("/data.bin") == 1


def test_offline_says_what_is_missing(files: Files, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLMKIT_OFFLINE", "1")
    with pytest.raises(
        NetworkError, match=r"GLMKIT_OFFLINE is set and url:http://127.0.0.1:\d+/data.bin is not in the cache: .*sources/url/"
    ):
        acquire(f"{files.url}/data.bin", place / "out", patience=QUICK)
    assert files.log == []
    monkeypatch.delenv("GLMKIT_OFFLINE")
    acquire(f"{files.url}/data.bin", place / "out", patience=QUICK)
    monkeypatch.setenv("GLMKIT_OFFLINE", "1")
    assert acquire(f"{files.url}/data.bin", place / "elsewhere").path.read_bytes() == BYTES


def test_no_secret_is_written_down(
    files: Files, place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NCBI_API_KEY", "s3cret")
    caplog.set_level(logging.DEBUG)
    files.faults = {"efetch": [(400, {})]}
    with pytest.raises(BadInput, match=r"answered 400 .*\*\*\*") as caught:
        acquire("ncbi:AB100001.1", place / "out", patience=QUICK, address=files.url)
    address = files.url.replace("//", "//ada:s3cret@")
    card = acquire(f"{address}/data.bin?token=s3cret&part=7", place / "out", patience=QUICK)
    assert card.source == f"{files.url}/data.bin?token=…&part=7"
    written = [path.read_bytes() for path in place.rglob("*") if path.is_file()]
    assert all(b"s3cret" not in text for text in [*written, str(caught.value).encode(), caplog.text.encode()])
    assert files.log[0][2]["api_key"] == "s3cret"
    assert "token" in files.log[-1][2]


def test_a_redirect_takes_no_key_along(
    files: Files, serve: Callable[[Any], Any], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NCBI_API_KEY", "s3cret")
    other = serve(Files())
    files.faults = {"/genome": [(302, {"Location": f"{other.url.replace('127.0.0.1', 'localhost')}/elsewhere"})]}
    with pytest.raises(BadInput, match=r"NCBI Datasets has no GCF_000005845.2: NCBI Datasets answered 404"):
        acquire("ncbi:GCF_000005845.2", place / "out", patience=QUICK, address=files.url)
    assert files.log[0][3]["api-key"] == "s3cret"
    assert "api-key" not in other.log[0][3]
