"""Pauses, rates, suspicion, checksums and hidden keys, by arithmetic and without a network."""

import gzip
import subprocess
import time
from pathlib import Path

import pytest

from glmkit.acquire import sample
from glmkit.acquire.http.rate_limit import MARGIN, Limiter
from glmkit.acquire.http.redact_urls import hide_parts
from glmkit.acquire.http.response_checks import what_is_wrong
from glmkit.acquire.http.retry_policy import Patience, named_pause
from glmkit.acquire.services import bsdsum
from glmkit.acquire.services.record_batches import DNA, PROTEIN, fasta_id, fasta_records, genbank_records
from glmkit.errors import BadInput


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GLMKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_real_pauses_double_and_are_spread() -> None:
    patience = Patience()
    for number, middle in enumerate([1.0, 2.0, 4.0, 8.0]):
        drawn = {patience.back_off(number) for _ in range(50)}
        assert len(drawn) > 20
        assert 0.5 * middle <= min(drawn) <= max(drawn) <= 1.5 * middle
    assert patience.back_off(20) == patience.longest == 120
    assert (patience.tries, patience.slowest * patience.window) == (5, 6000)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
        ({"date": "Mon, 03 Feb 2025 10:00:00 GMT", "retry-after": "Mon, 03 Feb 2025 10:00:07 GMT"}, 7.0),
        ({"retry-after": "Mon, 03 Feb 2025 10:00:07 GMT"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "12"}, 12.0),
        ({"x-ratelimit-remaining": "7", "x-ratelimit-reset": "12"}, None),
    ],
)
def test_pauses_that_servers_name(headers: dict[str, str], seconds: float | None) -> None:
    assert named_pause(headers) == seconds


def test_a_rate_is_kept_by_two_limiters_of_one_name() -> None:
    first, second, times = Limiter("x", 50.0), Limiter("x", 50.0), []
    for _ in range(4):
        for limiter in (first, second):
            limiter.wait()
            times.append(time.monotonic())
    assert times[-1] - times[0] >= 6.5 * MARGIN / 50, "seven intervals, less what the clock was read late after the first"
    second.hold(0.2)
    begun = time.monotonic()
    first.wait()
    assert time.monotonic() - begun > 0.19
    with pytest.raises(BadInput, match=r"per_second is 0; expected a positive number"):
        Limiter("x", 0)


@pytest.mark.parametrize("text", ["", "torn", "9e15 9e15\n", "1.0"])
def test_a_file_from_before_a_restart_holds_nobody_up(cache: Path, text: str) -> None:
    (cache / "limits").mkdir(parents=True)
    (cache / "limits/x").write_text(text)
    begun = time.monotonic()
    Limiter("x", 0.01).wait()
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize(
    ("head", "name", "wrong"),
    [
        (b"\n <!doctype HTML><p>", "x.fa", "an HTML page (a login or error page?)"),
        (b"<!doctype html><p>", "x.html", ""),
        (b'{"error": "no"}', "x.json", ""),
        (b'{"messages": ["bad field"]}', "x.fasta", 'an error in JSON (["bad field)'),
        (b"<Error><Code>AccessDenied</Code>", "x.h5ad", "an error in XML (no text)"),
        (b"Error: no such id", "", "an error (no such id)"),
        (b" \n", "", "an empty response"),
        (b">seq1 Error: in a title\nACGT", "x.fa", ""),
        (b"\x1f\x8b\x08{<html>", "x.gz", ""),
        (b"<uniprot xmlns='http://uniprot.org/uniprot'>", "x", ""),
    ],
)
def test_what_is_no_data(head: bytes, name: str, wrong: str) -> None:
    assert what_is_wrong(head, name) == wrong


def test_records_are_taken_apart() -> None:
    text = ">a.1 x\nACGT\nNN\n\n>b.1\nAC GT\n>c.1\n>gi|7\n>sp|P04637.4|P53\nAC-T\n>pdb|1ABC|A\nUU\n"
    assert [name for name, _ in fasta_records(text, DNA)] == ["a.1", "P04637.4", "1ABC_A"]
    assert fasta_records(text, DNA)[0][1] == ">a.1 x\nACGT\nNN\n"
    assert fasta_records(">p\nMKL*\n", DNA) == []
    assert fasta_records(">p\nMKL*\n", PROTEIN) == [("p", ">p\nMKL*\n")]
    assert fasta_id("NC_000913.3 Escherichia coli") == "NC_000913.3"


def test_real_records_are_sound() -> None:
    text = gzip.decompress(sample("leptospira_kirschneri_h1").read_bytes()).decode()
    found = genbank_records(text, DNA)
    assert ("".join(record for _, record in found), len(found)) == (text, 75)
    assert genbank_records(text.replace("       61 ", "       61 error ", 1), DNA) == found[1:], (
        "a record with other text is left out"
    )
    proteins = fasta_records(gzip.decompress(sample("human_proteins_3k").read_bytes()).decode(), PROTEIN)
    assert (len(proteins), proteins[0][0]) == (3000, "P62258")


@pytest.mark.parametrize("small", [1 << 20, 0], ids=["interpreted", "compiled"])
def test_the_sum_is_that_of_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: int) -> None:
    monkeypatch.setattr(bsdsum, "SMALL", small)
    monkeypatch.setattr(bsdsum, "PIECE", 1000)
    path = tmp_path / "x"
    path.write_bytes(bytes((index * index) % 251 for index in range(4097)))
    told = subprocess.run(["sum", path], capture_output=True, text=True, check=True).stdout.split()
    assert bsdsum.bsd_sum(path) == (int(told[0]), int(told[1]))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ada:pw@host:8/a?x=1#f", "https://host:8/a?x=1"),
        ("https://host/a?api_key=k&db=nuccore&X-Amz-Signature=s", "https://host/a?api_key=…&db=nuccore&X-Amz-Signature=…"),
        (f"https://host/a?q={'z' * 65}&sv=2", "https://host/a?q=…&sv=…"),
    ],
)
def test_addresses_as_they_are_written_down(url: str, shown: str) -> None:
    assert hide_parts(url) == shown
