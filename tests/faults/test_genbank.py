"""Bad and odd GenBank files: one test a row of the list of bad inputs, each named by its row and asserting words.

Covers ``glmkit.bio.files.genbank_features``, ``glmkit.bio.files.genbank_location``.
"""

import gzip
from pathlib import Path

import pytest

from glmkit.bio import DataReport, Feature, read_genbank
from glmkit.bio.coding import protein_of
from glmkit.bio.files.genbank import check_genbank
from glmkit.errors import BadInput

#           1234567890123456789012345678901234567890
SEQUENCE = "ATGAAACCCGGGTTTTAAGCATGCRYNACGTTGCAATTCC"


def origin(sequence: str) -> str:
    """ORIGIN as GenBank writes it: 60 bases a line, ten a group."""
    lines = []
    for at in range(0, len(sequence), 60):
        row = sequence[at : at + 60].lower()
        lines.append(f"{at + 1:>9} " + " ".join(row[i : i + 10] for i in range(0, len(row), 10)))
    return "\n".join(["ORIGIN", *lines])


def genbank(
    *features: str, name: str = "TEST01", length: int = len(SEQUENCE), topology: str = "linear", body: str | None = None
) -> str:
    """One record; a feature is ``"CDS 1..18 /codon_start=1"``, its parts divided by blanks."""
    table = []
    for feature in features:
        kind, location, *qualifiers = feature.split(" ")
        table += [f"     {kind:<16}{location}", *(f"{'':21}{qualifier}" for qualifier in qualifiers)]
    head = [
        f"LOCUS       {name:<16} {length:>11} bp    DNA     {topology:<8} BCT 01-JAN-2020",
        "DEFINITION  A made-up record",
        "            of two lines.",
        f"ACCESSION   {name}",
        f"VERSION     {name}.2",
        "FEATURES             Location/Qualifiers",
    ]
    return "\n".join([*head, *table, origin(SEQUENCE) if body is None else body, "//", ""])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "genome.gb"


def refused(path: Path, content: str | bytes, *words: str) -> None:
    """Write `content` and check that reading it fails with all `words` and the file's name."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadInput) as caught:
        check_genbank(path)
    assert caught.value.exit_code == 2
    for word in (str(path), *words):
        assert word in str(caught.value)


def features(path: Path, *lines: str, topology: str = "linear", report: DataReport | None = None) -> tuple[Feature, ...]:
    path.write_text(genbank(*lines, topology=topology))
    (record,) = read_genbank(path, report)
    return record.features


def test_no_origin(path: Path) -> None:
    refused(path, genbank(body="COMMENT     none"), "record 'TEST01' from line 1", "no ORIGIN", "gbwithparts")
    refused(path, genbank(body="ORIGIN"), "ORIGIN has no sequence")


def test_contig_only(path: Path) -> None:
    refused(path, genbank(body="CONTIG      join(AB000001.1:1..40)"), "only CONTIG, no sequence", "gbwithparts")


def test_cut_by_40_bytes(path: Path) -> None:
    whole = genbank()
    refused(path, whole[:-40], "record 'TEST01' from line 1", "no closing '//'", "file is truncated")
    second = genbank(name="TEST02")
    refused(path, whole + second[:-40], f"record 'TEST02' from line {whole.count(chr(10)) + 1}", "no closing '//'")
    refused(path, whole[:-44] + whole[-4:], "LOCUS gives 40 bp, ORIGIN has")
    refused(path, gzip.compress(whole.encode())[:-40], "gzip stream ends early")


def test_no_end_mark(path: Path) -> None:
    refused(path, genbank().replace("//\n", ""), "record 'TEST01'", "no closing '//'")
    refused(path, genbank().replace("//\n", "// more\n"), "expected '//' alone", "'// more'")


def test_locus_length_wrong(path: Path) -> None:
    refused(path, genbank(length=41), "record 'TEST01'", "LOCUS gives 41 bp, ORIGIN has 40")


def test_location_beyond_the_end(path: Path) -> None:
    refused(
        path, genbank("gene 1..9", "CDS join(1..9,30..41)"), "line 8", "record 'TEST01.2', CDS", "reaches base 41", "ends at 40"
    )


@pytest.mark.parametrize(
    "location",
    ["join(1..5,)", "join(1..5", "1..5)", "complement(1..5))", "join()", "1...5", "one-of(1,3)..9", "(1.5)..9", "-2..9", ""],
)
def test_malformed_location(path: Path, location: str) -> None:
    refused(path, genbank(f"CDS {location}"), "line 7, record 'TEST01.2', CDS", f"{location!r} cannot be read", "expected")


@pytest.mark.parametrize(
    ("location", "words"),
    [("9..5", "runs from 9 down to 5"), ("0..5", "position 0; GenBank counts from 1"), ("5^9", "two neighbouring bases")],
)
def test_impossible_location(path: Path, location: str, words: str) -> None:
    refused(path, genbank(f"CDS {location}"), "line 7, record 'TEST01.2', CDS", words)


def test_html(path: Path) -> None:
    refused(path, "<!DOCTYPE html>\n<html><body>busy</body></html>\n", "line 1", "web page", "Download it again")
    whole = genbank()
    refused(path, whole + "<html>busy</html>\n", f"line {whole.count(chr(10)) + 1}", "web page")
    refused(path, whole.replace("//\n", "<html>busy</html>\n//\n"), "record 'TEST01'", "web server", "<html")
    refused(path, ">a\nACGT\n", "line 1", "expected a line that starts with LOCUS", "read_fasta")


def test_empty(path: Path) -> None:
    refused(path, b"", "empty (0 bytes)")
    refused(path, b"\n\n", "has no record")


def test_repeated_record(path: Path) -> None:
    refused(path, genbank() * 2, "record 'TEST01.2' already occurs in line 1")


def test_protein_record(path: Path) -> None:
    refused(path, genbank().replace(" bp ", " aa "), "length is in 'aa', not bp", "read a protein as FASTA")


def test_letters_outside_dna(path: Path) -> None:
    refused(path, genbank().replace("atgaaa", "augaaa"), "line 8, record 'TEST01'", "'u' at base 2", "replace it by T")
    refused(path, genbank().replace("atgaaa", "atg-aa"), "'-' at base 4 is not a letter of DNA")


def test_broken_qualifiers(path: Path) -> None:
    refused(path, genbank('CDS 1..9 /note="open', "gene 1..9"), "line 7, record 'TEST01.2', CDS", "/note is not closed")
    refused(path, genbank("CDS 1..9 /codon_start=4"), "/codon_start=4: expected one of 1, 2, 3")
    refused(path, genbank("CDS 1..9 /transl_table=x"), "/transl_table=x", "genetic code")
    refused(path, genbank('CDS 1..9 /note="a"b'), "text follows the closing quotation mark of /note")
    refused(path, genbank("CDS 1..9").replace("ORIGIN", "   stray\nORIGIN"), "'   stray' is not a line of a feature table")


def test_complement_of_join_is_the_hand_worked_reverse_complement(path: Path) -> None:
    # bases 1..6 ATGAAA and 13..18 TTTTAA joined: ATGAAATTTTAA; turned over by hand: TTAAAATTTCAT
    whole, turned = features(path, "CDS complement(join(1..6,13..18))", "CDS join(complement(13..18),complement(1..6))")
    assert whole.location.extract(SEQUENCE) == "TTAAAATTTCAT"
    assert whole.location == turned.location
    assert [(part.start, part.end, part.strand) for part in whole.location.parts] == [(12, 18, -1), (0, 6, -1)]
    assert (whole.location.start, whole.location.end, whole.location.strand) == (0, 18, -1)


def test_mixed_strands_keep_their_order(path: Path) -> None:
    (feature,) = features(path, "CDS join(1..3,complement(13..18))")
    assert feature.location.extract(SEQUENCE) == "ATGTTAAAA"
    assert feature.location.strand == 0


def test_partial_ends_are_flagged(path: Path) -> None:
    flags = [
        (feature.location.partial_5, feature.location.partial_3)
        for feature in features(
            path,
            "CDS <1..>20",
            "CDS <1..20",
            "CDS complement(<1..20)",
            "CDS complement(1..>20)",
            "CDS complement(join(<1..5,9..20))",
            "CDS join(complement(9..>20),complement(1..5))",
            "CDS 1..20",
        )
    ]
    assert flags == [(True, True), (True, False), (False, True), (True, False), (False, True), (True, False), (False, False)]


def test_origin_spanning_joins_are_flagged(path: Path) -> None:
    lines = ["CDS join(35..40,1..6)", "CDS complement(join(35..40,1..6))", "CDS join(1..6,35..40)"]
    over, under, plain = features(path, *lines, topology="circular")
    assert [f.location.crosses_origin for f in (over, under, plain)] == [True, True, False]
    assert over.location.extract(SEQUENCE) == "AATTCCATGAAA"
    assert under.location.extract(SEQUENCE) == "TTTCATGGAATT"
    assert not features(path, lines[0])[0].location.crosses_origin, "a linear record has no origin to cross"


def test_codon_start_and_table_are_honoured(path: Path) -> None:
    plain, shifted, four = features(
        path, "CDS 1..18 /transl_table=11", "CDS <2..18 /codon_start=3 /transl_table=11", "CDS 20..25 /transl_table=4"
    )
    assert (plain.codon_start, plain.translation_table) == (1, 11)
    assert protein_of(plain, SEQUENCE) == "MKPGF"
    assert (shifted.codon_start, protein_of(shifted, SEQUENCE)) == (3, "KPGF")
    assert four.translation_table == 4
    sequence = "TTATGA"
    (start,) = features(path, "CDS 1..6 /transl_table=4")
    assert protein_of(start, sequence) == "MW"
    (partial,) = features(path, "CDS <1..6 /transl_table=4")
    assert protein_of(partial, sequence) == "LW"
    (bacterial,) = features(path, "CDS 1..6 /transl_table=11")
    assert protein_of(bacterial, sequence) == "L"
    assert features(path, "CDS 1..9")[0].translation_table == 1


def test_sites_order_and_remote_parts(path: Path) -> None:
    report = DataReport()
    site, turn, order, remote = features(
        path, "misc 7^8", "misc 40^1", "misc order(1..3,7..9)", "CDS join(1..3,J00194.1:5..9)", topology="circular", report=report
    )
    assert (site.location.start, site.location.end, len(site.location)) == (7, 7, 0)
    assert turn.location.start == 40
    assert order.location.ordered
    assert (remote.location.remote, remote.location.start, remote.location.end) == (True, 0, 3)
    assert report["remote_locations"] == 1
    with pytest.raises(BadInput, match=r"lies on 'J00194.1', not on 'TEST01.2'.*location.remote"):
        remote.location.extract(SEQUENCE)


def test_accepted_forms(path: Path) -> None:
    text = genbank("CDS 1..18 /pseudo") + "\n" + genbank(name="TEST02")
    for content in (text.encode(), text.replace("\n", "\r\n").encode(), gzip.compress(text.encode()), text.rstrip("\n").encode()):
        path.write_bytes(content)
        first, second = read_genbank(path)
        assert (first.id, first.description, first.sequence) == ("TEST01.2", "A made-up record of two lines", SEQUENCE)
        assert [(feature.kind, feature.pseudo) for feature in first.features] == [("CDS", True)]
        assert (second.id, second.features, second.topology) == ("TEST02.2", (), "linear")


def test_qualifiers_over_several_lines(path: Path) -> None:
    margin = "\n" + " " * 21
    lines = [
        "join(1..3,",
        "7..9)",
        '/gene="a"',
        '/note="says ""so""',
        "/and goes on",
        'here"',
        '/translation="MK',
        'PG"',
        "/pseudo",
    ]
    path.write_text(genbank("CDS LOCATION").replace("LOCATION", margin.join(lines)))
    (record,) = read_genbank(path)
    (feature,) = record.features
    assert feature.qualifiers == {
        "gene": ["a"],
        "note": ['says "so" /and goes on here'],
        "translation": ["MKPG"],
        "pseudo": [""],
    }
    assert len(feature.location) == 6


def test_codes_are_counted(path: Path) -> None:
    report = DataReport()
    features(path, "gene 1..9", report=report)
    assert (report["iupac_codes"], report["unknown_letters"]) == (2, 1)
