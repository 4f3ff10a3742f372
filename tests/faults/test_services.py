"""Services that misbehave, over real sockets: what is fetched is whole and as it was first, or an error says what to do.

Covers ``glmkit.acquire.fetch_job``, ``glmkit.acquire.http.download``, ``glmkit.acquire.http.request``.
"""

import gzip
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from glmkit.acquire import acquire
from glmkit.acquire.http import Patience
from glmkit.acquire.http.lockfile import locked
from glmkit.acquire.services import eutils
from glmkit.errors import BadInput, NetworkError
from glmkit.files import sha256
from tests.services.ensembl import Ensembl
from tests.services.eutils import Eutils, records
from tests.services.files import Files
from tests.services.uniprot import Uniprot

ROOT = Path(__file__).parents[2]
QUICK = Patience(tries=4, pause=0.01, silence=0.4, deadline=2.0, transfer=4.0, window=0.3, slowest=100.0)
BYTES = bytes(range(1, 251)) * 1201
HASH = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture(autouse=True)
def place(service_place: Path) -> Path:
    return service_place


@pytest.fixture
def files(serve: Callable[[Any], Any]) -> Files:
    return serve(Files({"/data.bin": BYTES}))


def get(files: Files, place: Path, **how: Any) -> Any:
    return acquire(f"{files.url}/data.bin", place / "out", patience=how.pop("patience", QUICK), **how)


def parts(place: Path) -> list[Path]:
    """Files of the cache that look like data, and what lies in the target folder."""
    return [path for path in place.rglob("data.bin") if path.is_file()]


def error_line(body: bytes) -> bytes:
    """An error of the service in the middle of a record."""
    lines = body.split(b"\n")
    lines.insert(len(lines) // 2, b"Error: CEFetchPApplication::proxy_stream(): Failed to retrieve sequence")
    return b"\n".join(lines)


def one_missing(body: bytes) -> bytes:
    return b">" + b">".join(body.split(b">")[2:])


def one_twice(body: bytes) -> bytes:
    return body + b"\n>" + body.split(b">")[-1].replace(b"ACG", b"CCC")


def another_instead(body: bytes) -> bytes:
    *others, last = body.split(b">")
    return b">".join([*others, last.replace(b"AB1", b"ZZ9", 1)])


@pytest.mark.parametrize(
    ("fault", "etag", "length", "resumed"),
    [("cut", True, True, True), ("cut chunked", True, True, True), ("cut close", True, False, True), ("cut", False, True, True)],
)
def test_F16_cut_at_half_is_resumed(files: Files, place: Path, fault: str, etag: bool, length: bool, resumed: bool) -> None:
    files.faults, files.etag = {"/data": [fault]}, etag
    card = get(files, place)
    assert card.path.read_bytes() == BYTES
    asked = [(headers.get("range"), headers.get("if-range")) for _, _, _, headers in files.log]
    assert asked[0] == (None, None)
    assert asked[-1][0] == f"bytes={len(BYTES) // 2}-"
    assert asked[-1][1] == (f'"{hashlib.md5(BYTES).hexdigest()}"' if etag else "Mon, 03 Feb 2025 10:00:00 GMT")


def test_F16_without_ranges_it_begins_again(files: Files, place: Path) -> None:
    files.faults, files.ranges = {"/data": ["cut"]}, False
    assert get(files, place).sha256 == HASH
    assert files.asked("/data") == 2


def test_F16_a_file_that_changed_meanwhile_is_not_patched_together(files: Files, place: Path) -> None:
    changed = BYTES[::-1]
    files.faults = {"/data": ["cut"]}
    card = get(files, place, watcher=lambda moment: files.content.update({"/data.bin": changed}))
    assert card.path.read_bytes() == changed
    assert "range" in files.log[-1][3]


@pytest.mark.parametrize("whole", [True, False])
def test_F16_an_end_that_nobody_proves_is_not_accepted(files: Files, place: Path, whole: bool) -> None:
    files.ranges = files.length = False
    files.faults = {"/data": [] if whole else ["cut close"] * 9}
    with pytest.raises(NetworkError, match=r"without stating the length of the file, so that its end is unknown, 4 times"):
        get(files, place)
    assert parts(place) == []
    files.length = True
    assert get(files, place).sha256 == HASH


def test_F16_killed_half_way_and_run_again(files: Files, place: Path) -> None:
    code = f"from glmkit.acquire import acquire; acquire('{files.url}/data.bin', '{place / 'out'}')"
    environment = os.environ | {"GLMKIT_TESTING": "1", "GLMKIT_FAULT": "download.chunk:2:SIGKILL"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == -9
    assert parts(place) == []
    card = get(files, place)
    assert card.path.read_bytes() == BYTES
    start = files.log[-1][3]["range"]
    assert 0 < int(start.removeprefix("bytes=").removesuffix("-")) < len(BYTES)


def test_F17_wrong_then_right(files: Files, place: Path) -> None:
    files.faults = {"/data": [lambda body: b"x" + body[1:]]}
    card = acquire(f"url:{files.url}/data.bin#sha256={HASH}", place / "out", patience=QUICK)
    assert sha256(card.path) == HASH
    assert len(list((place / "cache/quarantine").iterdir())) == 1
    assert files.asked("/data") == 2


def test_F17_wrong_twice(files: Files, place: Path) -> None:
    other = "0" * 64
    with pytest.raises(
        NetworkError, match=rf"SHA-256 {other} given after #sha256=, got {HASH}, twice. The file received is in"
    ) as caught:
        acquire(f"url:{files.url}/data.bin#sha256={other}", place / "out", patience=QUICK)
    assert caught.value.exit_code == 3
    assert parts(place) == []
    assert locked() == {}


def test_F17_what_came_first_is_what_must_come_later(files: Files, place: Path) -> None:
    card = get(files, place)
    (entry,) = locked().values()
    assert (entry["sha256"], entry["bytes"], entry["address"]) == (HASH, len(BYTES), f"{files.url}/data.bin")
    changed = BYTES[::-1]
    files.content["/data.bin"] = changed
    assert get(files, place).sha256 == HASH, "the cache has it: nothing is asked"
    assert files.asked("/data") == 1
    for path in (place / "cache/sources").rglob("data.bin"):
        path.write_bytes(b"spoilt")
    now = hashlib.sha256(changed).hexdigest()
    with pytest.raises(NetworkError, match=rf"SHA-256 {HASH} recorded in .*acquire.lock.json, got {now}, twice") as caught:
        get(files, place)
    assert "renew=True" in str(caught.value)
    card.path.unlink()
    assert get(files, place, renew=True).sha256 == now
    assert next(iter(locked().values()))["sha256"] == now
    with pytest.raises(BadInput, match=rf"has SHA-256 {now} recorded in .*, but {HASH} is given after #sha256="):
        acquire(f"{files.url}/data.bin#sha256={HASH}", place / "out", patience=QUICK)


def test_F17_ensembl_sums_and_retry(serve: Callable[[Any], Any], place: Path) -> None:
    path = "/pub/release-115/fasta/homo_sapiens/pep/Homo_sapiens.GRCh38.pep.all.fa.gz"
    content = gzip.compress(b">ENSP1\nMKLV\n" * 300)
    server = serve(Ensembl({}, {path: content, path.replace("all", "abinitio"): b"other"}, place / "sums"))
    server.faults = {".all.fa.gz": [lambda body: body[:-1] + b"?"]}
    card = acquire("ensembl:homo_sapiens/115/pep", place / "out", patience=QUICK, address=f"{server.url}/pub")
    assert card.path.read_bytes() == content
    assert (card.organism, card.source.startswith("Ensembl release 115: ")) == ("Homo sapiens", True)
    assert server.asked(".all.fa.gz") == 2
    server.faults = {".abinitio.fa.gz": [lambda body: b"?" + body[1:]] * 2}
    with pytest.raises(NetworkError, match=r"is not as published: Ensembl states sum \d+ and 1 blocks, got \d+ and 1"):
        acquire("ensembl:homo_sapiens/115/pep/abinitio", place / "out", patience=QUICK, address=f"{server.url}/pub")
    with pytest.raises(BadInput, match=r"'ab' is part of 1|The source must select one file of this folder.*'all.*is part of 0"):
        acquire("ensembl:homo_sapiens/115/pep/all.x", place / "out", patience=QUICK, address=f"{server.url}/pub")
    with pytest.raises(BadInput, match=r"is 'homo_sapiens' the species' name in lower case, and does release 116 have it\?"):
        acquire("ensembl:homo_sapiens/116/pep", place / "out", patience=QUICK, address=f"{server.url}/pub")


def test_F18_429_waits_as_told(files: Files, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("glmkit.acquire.http.client.time.sleep", slept.append)
    dated = {"Retry-After": formatdate(time.time() + 7, usegmt=True)}
    files.faults = {"/data": [(429, {"Retry-After": "1.5"}), (429, {}), (503, dated)]}
    get(files, place)
    assert slept[0] == 1.5
    assert 0.01 <= slept[1] <= 0.03, "doubled, and between a half and one and a half of it"
    assert 5 <= slept[2] <= 8


def test_F18_429_really_waits(files: Files, place: Path) -> None:
    files.faults = {"/data": [(429, {"Retry-After": "1.5"})]}
    get(files, place)
    first, second = files.times()
    assert second - first >= 1.5


def test_F18_a_pause_that_is_too_long(files: Files, place: Path) -> None:
    files.faults = {"/data": [(429, {"Retry-After": "9999"})]}
    with pytest.raises(NetworkError, match=r"answered 429 and requests a pause of 9,999 s, over the limit of 120 s"):
        get(files, place)


def test_F18_403_stops(files: Files, place: Path) -> None:
    files.faults = {"/data": [403] * 9}
    with pytest.raises(NetworkError, match=r"answered 403 for http://127.0.0.1:\d+/data.bin") as caught:
        get(files, place)
    assert (caught.value.exit_code, files.asked("/data")) == (3, 1)


def test_F19_500_502_then_200(files: Files, place: Path) -> None:
    files.faults = {"/data": [500, 502, 503]}
    assert get(files, place).sha256 == HASH


def test_F19_always_500_keeps_what_is_finished(serve: Callable[[Any], Any], place: Path) -> None:
    content = records(450)
    server = serve(Eutils(content))
    server.faults = {"efetch": [bytes, *[500] * 4]}
    with pytest.raises(NetworkError, match=r"NCBI \(127.0.0.1:\d+\) answered 500, 4 times.*complete parts are kept") as caught:
        acquire("ncbi:txid562[orgn]", place / "out", patience=QUICK, address=server.url)
    assert caught.value.exit_code == 3
    card = acquire("ncbi:txid562[orgn]", place / "out", patience=QUICK, address=server.url)
    assert card.path.read_text() == "".join(content.values())
    batches = [fields["retstart"] for _, path, fields, _ in server.log if "efetch" in path]
    assert batches == ["0", *["200"] * 5, "400"], "the first batch is not fetched again"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("html", r"answered 200 with an HTML page \(a login or error page\?\), 4 times"),
        ("json", r"answered 200 with an error in JSON \(error forwarding request"),
        ("xml", r"answered 200 with an error in XML \(Backend is busy\)"),
        ("empty", r"answered 200 with an empty response"),
    ],
)
def test_F20_something_else_with_200(files: Files, serve: Callable[[Any], Any], place: Path, fault: str, words: str) -> None:
    files.faults = {"/data": [fault] * 4}
    with pytest.raises(NetworkError, match=words):
        get(files, place)
    assert parts(place) == []
    server = serve(Eutils(records(3)))
    server.faults = {"efetch": [fault] * 4}
    with pytest.raises(NetworkError, match=words):
        acquire("ncbi:AB100001.1", place / "out", patience=QUICK, address=server.url)
    server.faults = {"efetch": [fault], "esearch": [fault]}
    assert acquire("ncbi:any", place / "out", patience=QUICK, address=server.url).path.read_text().count(">") == 3


@pytest.mark.parametrize("fault", [error_line, one_missing, one_twice, another_instead])
def test_F21_only_the_missing_is_fetched_again(serve: Callable[[Any], Any], place: Path, fault: Callable[[bytes], bytes]) -> None:
    content = records(10)
    server = serve(Eutils(content))
    server.faults = {"efetch": [fault]}
    card = acquire("ncbi:txid562[orgn]", place / "out", patience=QUICK, address=server.url)
    assert card.path.read_text() == "".join(content.values())
    again = [fields["id"].split(",") for _, path, fields, _ in server.log if "id" in fields]
    assert len(again) == 1
    assert len(again[0]) == 1


def test_F21_never_complete(serve: Callable[[Any], Any], place: Path) -> None:
    server = serve(Eutils(records(10)))
    server.faults = {"efetch": [one_missing, *[lambda body: b">ZZ1.1\nACGT\n"] * 9]}
    with pytest.raises(NetworkError, match=r"did not send 1 of 10 records completely, in 4 attempts: AB100001.1. Look up one"):
        acquire("ncbi:txid562[orgn]", place / "out", patience=QUICK, address=server.url)


def test_F21_uniprot_pages_are_counted(serve: Callable[[Any], Any], place: Path) -> None:
    entries = {f"P{number:05d}": "MKLVW" * (3 + number % 7) for number in range(1203)}
    server = serve(Uniprot(entries))
    server.faults = {"search": [error_line, one_missing, 503, "xml"]}
    name = "uniprot:reviewed:true AND organism_id:9606"
    card = acquire(name, place / "out", patience=Patience(**{**vars(QUICK), "tries": 6}), address=server.url)
    assert card.path.read_text() == "".join(f">sp|{key}|{key}_HUMAN Protein {key}\n{value}\n" for key, value in entries.items())
    assert (card.source, card.licence) == (f"UniProt release 2025_03: {name[8:]}", "CC BY 4.0 (UniProt)")
    server.change_at = 500
    table = acquire(f"{name}#format=tsv", place / "out", patience=QUICK, address=server.url)
    assert table.path.read_text().splitlines()[::601] == ["Entry\tLength", "P00600\t40", "P01201\t35"]
    assert "2025_04" in table.source, "pages of two releases are never mixed"
    with pytest.raises(BadInput, match=r"UniProt has nothing for 'nothing'"):
        acquire("uniprot:nothing", place / "out", patience=QUICK, address=server.url)
    with pytest.raises(BadInput, match=r"rejects this query: UniProt answered 400 .* invalid syntax"):
        acquire("uniprot:organism_id:", place / "out", patience=QUICK, address=server.url)


@pytest.mark.parametrize(
    ("fault", "words"),
    [("drip", r"sent \d+ bytes in 0.\d s, fewer than 100 a second, 2 times"), ("silence", "stopped sending data, 2 times")],
)
def test_F22_slow_or_silent(files: Files, place: Path, fault: str, words: str) -> None:
    files.faults = {"/data": [fault] * 9}
    begun = time.monotonic()
    with pytest.raises(NetworkError, match=words) as caught:
        get(files, place, patience=Patience(**{**vars(QUICK), "tries": 2}))
    assert caught.value.exit_code == 3
    assert time.monotonic() - begun < 4
    assert parts(place) == []


def test_F22_a_steady_trickle_has_an_end_too(files: Files, place: Path) -> None:
    files.faults = {"/data": ["drip"] * 9}
    with pytest.raises(NetworkError, match=r"was not done after 0.6 s, 1 times"):
        get(files, place, patience=Patience(**{**vars(QUICK), "slowest": 1.0, "transfer": 0.6}))


def test_F22_even_headers_have_a_deadline(serve: Callable[[Any], Any], place: Path) -> None:
    server = serve(Files({"/data.bin": BYTES}))
    server.faults = {"/data": ["drip headers"] * 9}
    with pytest.raises(NetworkError, match=r"had sent no complete header after 0.5 s, 2 times"):
        get(server, place, patience=Patience(**{**vars(QUICK), "tries": 2, "deadline": 0.5}))


def test_F24_the_history_expires_while_paging(serve: Callable[[Any], Any], place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eutils, "PAGE", 170)
    content = records(450)
    server = serve(Eutils(content))

    def forget(body: bytes) -> bytes:
        server.valid.clear()
        return body

    server.faults = {"efetch": [forget, bytes, server.expire]}
    card = acquire("ncbi:txid562[orgn]", place / "out", patience=QUICK, address=server.url)
    assert card.path.read_text() == "".join(content.values())
    assert server.asked("esearch") == 9, "three pages, read again each time that the server forgot"


def test_a_thousand_records_through_all_of_it(serve: Callable[[Any], Any], place: Path) -> None:
    content = records(1000, seed=1)
    server = serve(Eutils(content))
    server.faults = {
        "esearch": ["html", 502],
        "efetch": [
            *["cut", "cut chunked", (429, {"Retry-After": "0.05"}), error_line, 500, 503],
            *["xml", one_missing, "empty", server.expire, one_twice, "drip", "json", another_instead, "silence"],
        ],
    }
    card = acquire("ncbi:txid562[orgn]", place / "out", patience=Patience(**{**vars(QUICK), "tries": 6}), address=server.url)
    got = {text.split()[0]: f">{text}" for text in card.path.read_text().split(">")[1:]}
    assert set(got) == set(content)
    hashes = [{name: hashlib.sha256(text.encode()).hexdigest() for name, text in kept.items()} for kept in (got, content)]
    assert hashes[0] == hashes[1]
    assert server.faults["efetch"] == server.faults["esearch"] == []
    assert json.loads((place / "out" / f"{card.path.name}.card.json").read_text())["sha256"] == sha256(card.path)
