"""Bad and odd FASTA files: one test a row of the list of bad inputs, each named by its row and asserting words.

Covers ``glmkit.bio.files.faults``.
"""

import gzip
import tracemalloc
from pathlib import Path

import pytest
from Bio import bgzf

from glmkit.bio import DataReport, read_fasta
from glmkit.bio.files.fasta import check_fasta
from glmkit.errors import BadInput

SOUND = b">first\nACGTACGTAC\n>second of two\nGGGCC\n"


def refused(path: Path, content: bytes, *words: str, **options: str) -> str:
    """Write `content`, check that reading it fails with all `words` and the file's name, and return the message."""
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        check_fasta(path, **options)
    message = str(caught.value)
    assert caught.value.exit_code == 2
    for word in (str(path), *words):
        assert word in message
    return message


def blocked(path: Path, content: bytes, block: int = 8) -> bytes:
    """`content` as BGZF, a few bytes a block."""
    with bgzf.BgzfWriter(str(path)) as writer:
        for at in range(0, len(content), block):
            writer.write(content[at : at + block])
            writer.flush()
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "genome.fasta"


def test_zero_bytes(path: Path) -> None:
    refused(path, b"", "empty (0 bytes)", "download it again")
    refused(path, gzip.compress(b""), "compressed file contains no text")
    refused(path, b"\n\n", "has no record", "'>'")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere.fasta does not exist. Check the path"):
        check_fasta(tmp_path / "nowhere.fasta")
    with pytest.raises(BadInput, match="is not a file"):
        check_fasta(tmp_path)
    with pytest.raises(BadInput, match="does not exist"):
        read_fasta(tmp_path / "nowhere.fasta")  # at the call, not at the first record


def test_no_header(path: Path) -> None:
    refused(path, b"\nACGT\n>x\nAC\n", "line 1", "no header", "'>name'")


def test_empty_record(path: Path) -> None:
    refused(path, b">a\nACG\n>b\n\n>c\nACG\n", "line 3, record 'b'", "no sequence follows", "Remove the record")
    refused(path, b">a\nACG\n>b", "line 3, record 'b'", "no sequence follows")


def test_duplicate_id(path: Path) -> None:
    refused(path, b">a\nACG\nACG\n>b\nAC\n>a\nACG\n", "line 6", "'a' already occurs in line 1", "unique id")


def test_id_equal_up_to_the_first_blank(path: Path) -> None:
    refused(path, b">seq human\nACG\n>seq\tmouse\nACT\n", "line 3", "'seq' already occurs in line 1", "first blank")


def test_header_mark_alone(path: Path) -> None:
    refused(path, b">a\nACG\n>\nACG\n", "line 3", "'>' without an id", "Give the record an id")
    refused(path, b"> a\nACG\n", "line 1", "'>' without an id")


@pytest.mark.parametrize("gap", ["-", "."])
def test_gap_in_dna(path: Path, gap: str) -> None:
    refused(
        path, f">a\nACG\nAC{gap}T\n".encode(), "line 3, record 'a', column 3", f"'{gap}' is not a letter of DNA", "remove gaps"
    )


def test_stop_in_dna(path: Path) -> None:
    refused(path, b">a\nACG*\n", "line 2, record 'a', column 4", "'*'", "stop", "alphabet='protein'")


def test_u_in_dna(path: Path) -> None:
    refused(path, b">a\nACGU\n", "line 2, record 'a'", "'U' is not a letter of DNA", "alphabet='rna'")
    refused(path, b">a\nACGT\n", "'T' is not a letter of RNA", "alphabet='dna'", alphabet="rna")
    path.write_bytes(b">a\nACGU\n")
    assert check_fasta(path, "rna").letters == 4


def test_gzip_cut(path: Path) -> None:
    whole = gzip.compress(b">a\n" + b"ACGTTGCAAC" * 5000)
    for cut in (len(whole) // 2, len(whole) - 3):
        refused(path, whole[:cut], "gzip stream ends early", "file is truncated")
    damaged = bytearray(whole)
    damaged[-6] ^= 1
    refused(path, bytes(damaged), "damaged gzip", "download it again")


def test_bgzf_without_end_block(path: Path) -> None:
    refused(path, blocked(path, SOUND)[:-28], "BGZF without its end block", "truncated")


def test_bgzf_cut_at_a_block_edge(path: Path) -> None:
    whole = blocked(path, SOUND)
    edge = int.from_bytes(whole[16:18], "little") + 1
    edge += int.from_bytes(whole[edge + 16 : edge + 18], "little") + 1
    assert gzip.decompress(whole[:edge]) == SOUND[:16], "what stock readers take for the whole file"
    refused(path, whole[:edge], "BGZF without its end block", "between two blocks")
    refused(path, whole[: edge + 5], "BGZF without its end block")
    path.write_bytes(whole)
    assert [record.id for record in read_fasta(path)] == ["first", "second"]


def test_plain_text_named_gz(tmp_path: Path) -> None:
    refused(tmp_path / "genome.fa.gz", SOUND, "named .gz but is not gzip", "Rename it")


def test_other_compression(path: Path) -> None:
    refused(path, b"BZh91AY&SY", "compressed with bzip2", "expected plain text, gzip or bgzip")


def test_protein_as_dna(path: Path) -> None:
    refused(path, b">p\nMKTAYIAKQR\n", "line 2, record 'p', column 6", "'I'", "looks like a protein", "alphabet='protein'")
    refused(path, b">p\nMKTAYVDNSWMKKH\n", "record 'p'", "ambiguity codes", "looks like a protein")


def test_dna_as_protein(path: Path) -> None:
    refused(path, b">g\n" + b"ACGTNACGTA" * 5, "nucleotide sequence, not a protein", "alphabet='dna'", alphabet="protein")


def test_stop_inside_a_protein(path: Path) -> None:
    refused(path, b">p\nMKT*AYI*\n", "record 'p'", "stop ('*') at residue 4", alphabet="protein")
    path.write_bytes(b">p\nMKTAYI*\n")
    report = DataReport()
    assert [record.sequence for record in read_fasta(path, "protein", report)] == ["MKTAYI"]
    assert report["trailing_stop"] == 1


def test_byte_e9_in_a_header(path: Path) -> None:
    content = b">a\nACG\n>xy\xe9 z\nACG\n"
    assert content[10] == 0xE9
    refused(path, content, "line 3, byte offset 10", "byte E9", "iconv")
    path.write_bytes(">café x\nACG\n".encode())
    assert next(read_fasta(path)).id == "café"


def test_nul(path: Path) -> None:
    content = b">a\nACG\nA\0C\n>b\nAC\n"
    refused(path, content, "line 3, record 'a'", f"byte offset {content.index(0)}", "NUL")
    refused(path, b">a\0b\nACG\n", "line 1, byte offset 2", "NUL")
    refused(path, ">a\nACG\n".encode("utf-16"), "line 1", "NUL byte at 3", "UTF-16")


@pytest.mark.parametrize(
    "text",
    [
        b"<html><body>Too busy</body></html>\n",
        b"Error: Resource temporarily unavailable\n",
        b"<?xml version='1.0'?>\n<ERROR>no</ERROR>\n",
        b'{"error": "API rate limit exceeded"}\n',
    ],
)
@pytest.mark.parametrize("alphabet", ["dna", "protein"])
def test_server_text_after_a_record(path: Path, text: bytes, alphabet: str) -> None:
    refused(path, b">a\nACGT\n" + text, "line 3, record 'a'", "web server", "Download the file again", alphabet=alphabet)
    refused(path, text if text[:1] in b"<{" else b"<html>" + text, "line 1", "web page", alphabet=alphabet)


def test_header_inside_a_line(path: Path) -> None:
    refused(path, b">a\nACGT>b\nACG\n", "line 2, record 'a', column 5", "line end is missing before '>'")


def test_iupac_codes_are_counted(path: Path) -> None:
    path.write_bytes(b">a\nACGTRYACGT\n>b\nACGTNNNNNNACGTACGTACGTACGTACGT\n")
    report = DataReport()
    assert [record.sequence[4:6] for record in read_fasta(path, report=report)] == ["RY", "NN"]
    found = report.as_dict()
    assert (found["iupac_codes"]["count"], found["iupac_codes"]["of"], found["iupac_codes"]["fraction"]) == (2, 40, 0.05)
    assert found["unknown_letters"]["count"] == 6
    assert "line 1, record 'a'" in found["iupac_codes"]["places"][0]


def test_inner_blanks_are_stripped(path: Path) -> None:
    path.write_bytes(b">a\nACGTA CGTAC\nAC\tG \n")
    report = DataReport()
    assert [record.sequence for record in read_fasta(path, report=report)] == ["ACGTACGTACACG"]
    assert report["blanks_stripped"] == 3


def test_all_n_or_too_short_are_dropped(path: Path) -> None:
    path.write_bytes(b">n\nNNNN\n>short\nACG\n>fine\nACGTAC\n")
    report = DataReport()
    assert [record.id for record in read_fasta(path, report=report, minimum=6)] == ["fine"]
    assert (report["all_unknown"], report["too_short"]) == (1, 1)
    assert "record 'short'" in report.as_dict()["too_short"]["places"][0]


def test_none_left(path: Path) -> None:
    path.write_bytes(b">n\nNNNN\n>short\nACG\n")
    with pytest.raises(BadInput, match=r"none of its 2 records is usable: each is shorter than 6 or has only 'N'"):
        check_fasta(path, minimum=6)


def test_soft_mask_is_recorded(path: Path) -> None:
    path.write_bytes(b">a\nACgtA\nCGTa\nacGTn\n>b\nACGT\n")
    first, second = read_fasta(path)
    assert first.sequence == "ACGTACGTAACGTN"
    assert first.soft_masked.tolist() == [[2, 4], [8, 11], [13, 14]]
    assert second.soft_masked.shape == (0, 2)
    path.write_bytes(b">a\nacgt\nacgt\n")
    report = DataReport()
    assert next(read_fasta(path, report=report)).soft_masked.tolist() == [[0, 8]]
    assert report["all_lower_case"] == 1


@pytest.mark.parametrize(
    "content",
    [
        SOUND.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + SOUND,
        SOUND.replace(b"TACG", b"TA\n\nCG"),
        b"\n" + SOUND.rstrip(b"\n"),
        gzip.compress(SOUND),
        gzip.compress(SOUND[:20]) + gzip.compress(SOUND[20:]),
    ],
    ids=["CRLF", "byte-order mark", "uneven lines", "blank first line, no last line end", "gzip", "two gzip members"],
)
def test_accepted_as_the_same_records(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert [(r.id, r.description, r.sequence) for r in read_fasta(path)] == [
        ("first", "", "ACGTACGTAC"),
        ("second", "of two", "GGGCC"),
    ]


def test_one_long_line_in_bounded_memory(path: Path) -> None:
    size = 48_000_000
    with path.open("wb") as file:
        file.write(b">long\n")
        for _ in range(size // 1_000_000):
            file.write(b"ACGTTGCAAC" * 100_000)
    tracemalloc.start()
    try:
        record = next(read_fasta(path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(record) == size
    assert peak < 2.3 * size


def test_ids_are_data(path: Path) -> None:
    path.write_bytes(b">../../x a\nACG\n>=cmd()|'/c' b\nAC\n><script>alert(1)</script>\nA\n")
    assert [record.id for record in read_fasta(path)] == ["../../x", "=cmd()|'/c'", "<script>alert(1)</script>"]
    assert sorted(path.parent.iterdir()) == [path]


def test_unknown_alphabet(path: Path) -> None:
    with pytest.raises(BadInput, match=r"alphabet='DNA' is unknown. Choose one of 'dna', 'rna', 'protein'"):
        read_fasta(path, alphabet="DNA")
