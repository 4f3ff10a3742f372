"""A strict, streaming GenBank reader.

One record at a time is in memory. The sequence is extracted from ORIGIN in one pass over bytes; the feature table is parsed
line by line. The length in LOCUS, the closing ``//`` and every location are checked, because a truncated record would
otherwise parse as a shorter one. The format is defined in section 3 of the GenBank release notes and in the INSDC feature
table definition.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from glmkit.bio.alphabets import DNA
from glmkit.bio.files.fasta import Checked
from glmkit.bio.files.faults import server_words
from glmkit.bio.files.genbank_features import parse_features
from glmkit.bio.files.opening import probe, read_blocks
from glmkit.bio.records import Feature, Record
from glmkit.bio.report import DataReport
from glmkit.errors import BadInput

_LOCUS = re.compile(r"LOCUS +(\S+) +(\d+) (bp|aa|rc)\b(.*)")
# File header of GenBank's own release files, before the first record.
_RELEASE = re.compile(rb"\A\S+ +Genetic Sequence Data Bank\r?\n(?:(?!LOCUS).*\n)*")
_KNOWN = (DNA.letters + DNA.codes + DNA.unknown).encode()
_FILLING = b" \t\r\n0123456789"
# Maps letters to upper case and invalid bytes to NUL, so that one search finds an invalid letter.
_UPPER = bytes(ord(chr(byte).upper()) if byte < 128 and ord(chr(byte).upper()) in _KNOWN else 0 for byte in range(256))


def read_genbank(path: str | Path, report: DataReport | None = None) -> Iterator[Record]:
    """Read the records of a GenBank flat file, strictly, one at a time.

    Counted in `report` and accepted: ambiguity codes (``iupac_codes``), unknown letters (``unknown_letters``) and features with
    a part on another record (``remote_locations``).

    Parameters
    ----------
    path
        Path of plain, gzip or BGZF text; the compression is detected from the content.
    report
        Report to which the counts are added; None discards them.

    Yields
    ------
    Record
        A record with the accession and version as id, the definition as description, and its features in file order.

    Raises
    ------
    BadInput
        The file is missing, empty, truncated or not GenBank. Or a record lacks its sequence, differs in length from its LOCUS
        line, repeats an id, or has a malformed or outlying location. The message names file, line and record.

    Examples
    --------
    >>> import tempfile
    >>> lines = ["LOCUS       P1    13 bp    DNA     circular", "VERSION     P1.1", "FEATURES             Location/Qualifiers",
    ...          "     CDS             3..11", "ORIGIN", "        1 ccatggcata acc", "//"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "genome.gb")
    ...     _ = path.write_text("\\n".join(lines) + "\\n")
    ...     record, = read_genbank(path)
    >>> record.id, record.topology, record.sequence
    ('P1.1', 'circular', 'CCATGGCATAACC')
    >>> [(feature.kind, feature.location.start, feature.location.end) for feature in record.features]
    [('CDS', 2, 11)]
    """
    return _records(probe(path), DataReport() if report is None else report)


def _records(path: Path, report: DataReport) -> Iterator[Record]:
    seen: dict[str, int] = {}
    for line, text in _record_texts(path):
        record = _Parts(path, line, text).record(report)
        if record.id in seen:
            raise BadInput(
                f"{path}, line {line}: record {record.id!r} already occurs in line {seen[record.id]}. Remove the repeat."
            )
        seen[record.id] = line
        yield record
    if not seen:
        raise BadInput(f"{path} has no record, only blank lines. Expected a line that starts with LOCUS. Download it again.")


def check_genbank(path: str | Path, report: DataReport | None = None) -> Checked:
    """Read a whole GenBank file without storing it, to find its errors before long computations.

    Parameters
    ----------
    path, report
        As for :func:`read_genbank`.

    Returns
    -------
    Checked
        Number of records, total letters, and length of the longest record.

    Raises
    ------
    BadInput
        As for :func:`read_genbank`.
    """
    lengths = [len(record) for record in read_genbank(path, report)]
    return Checked(len(lengths), sum(lengths), max(lengths))


def _record_texts(path: Path) -> Iterator[tuple[int, bytes]]:
    """Line number of the first line and text of each record, without its closing ``//``."""
    line = 1
    for text, closing in _cut_at_ends(path):
        body = _RELEASE.sub(b"", text, count=1) if line == 1 else text
        body = body.lstrip()
        first = line + text.count(b"\n", 0, len(text) - len(body))
        line += text.count(b"\n")
        if closing is None:
            if body:
                raise _unfinished(path, first, body)
            continue
        if closing.strip() != b"//":
            raise BadInput(f"{path}, line {line}: expected '//' alone, got {closing.strip()[:40]!r}. Remove what follows '//'.")
        line += 1
        yield first, body.replace(b"\r\n", b"\n") if b"\r" in body else body


def _cut_at_ends(path: Path) -> Iterator[tuple[bytes, bytes | None]]:
    """The text up to each line that starts with ``//``, with that line; finally the rest of the file, with None."""
    buffer, searched = bytearray(), 0
    for block in read_blocks(path):
        buffer += block
        while (end := buffer.find(b"\n//", searched)) >= 0:
            stop = buffer.find(b"\n", end + 1)
            if stop < 0:
                break
            yield bytes(buffer[: end + 1]), bytes(buffer[end + 1 : stop])
            del buffer[: stop + 1]
            searched = 0
        searched = end if end >= 0 else max(0, len(buffer) - 2)
    if (end := buffer.find(b"\n//", searched)) >= 0:
        yield bytes(buffer[: end + 1]), bytes(buffer[end + 1 :])
    else:
        yield bytes(buffer), None


def _unfinished(path: Path, line: int, body: bytes) -> BadInput:
    if not body.startswith(b"LOCUS"):
        return _not_genbank(path, line, body)
    name = [*body.split(maxsplit=2), b"?"][1].decode("ascii", "replace")
    return BadInput(f"{path}, record {name!r} from line {line}: no closing '//': the file is truncated. Download it again.")


def _not_genbank(path: Path, line: int, text: bytes) -> BadInput:
    shown = text.strip()[:40]
    if server_words(text[:2000]) or shown.startswith((b"<", b"{")):
        return BadInput(
            f"{path}, line {line}: expected a GenBank record, got what looks like a web page or a server's response "
            f"({shown!r}). Download it again."
        )
    remedy = "Read it with read_fasta." if shown.startswith(b">") else "Check the file's format, or remove the text before LOCUS."
    return BadInput(f"{path}, line {line}: expected a line that starts with LOCUS, got {shown!r}. {remedy}")


@dataclass
class _Parts:
    """Parser of the text of one record into a :class:`Record`."""

    path: Path
    line: int
    text: bytes

    def number(self, at: int) -> int:
        """Line number in the file of an offset in the text."""
        return self.line + self.text.count(b"\n", 0, at)

    def fault(self, name: str, message: str, at: int | None = None) -> BadInput:
        place = f"record {name!r} from line {self.line}" if at is None else f"line {self.number(at)}, record {name!r}"
        return BadInput(f"{self.path}, {place}: {message}")

    def record(self, report: DataReport) -> Record:
        if not self.text.startswith(b"LOCUS"):
            raise _not_genbank(self.path, self.line, self.text)
        origin, table = self._after(b"ORIGIN"), self._after(b"FEATURES")
        contig = self.text.find(b"\nCONTIG")
        head_end = min(at for at in (table, origin, contig, len(self.text)) if at >= 0)
        head = self._decode(0, head_end)
        name, length, topology = self._locus(head)
        if origin < 0:
            raise self.fault(name, self._no_sequence(contig >= 0))
        sequence = self._sequence(name, origin, length)
        accession = self._accession(head) or name
        features: tuple[Feature, ...] = ()
        if 0 <= table < origin:
            table_end = min(at for at in (self._after(b"CONTIG"), self._after(b"BASE COUNT"), origin) if at > table)
            first = self.text.find(b"\n", table + 1) + 1
            text = self._decode(first, table_end)
            features = parse_features(text, self.number(first), self.path, accession, length, topology == "circular", report)
        place = f"{self.path}, record {accession!r}"
        uncertain = sequence.translate(None, DNA.letters.encode())
        unknown = uncertain.count(DNA.unknown.encode())
        report.count("unknown_letters", unknown, place, of=length)
        report.count("iupac_codes", len(uncertain) - unknown, place, of=length)
        return Record(
            accession,
            sequence.decode("ascii"),
            _field(head, "DEFINITION").removesuffix("."),
            features=features,
            topology=topology,
        )

    def _after(self, keyword: bytes) -> int:
        """Offset of the newline before a line that starts with `keyword`, or -1."""
        return self.text.find(b"\n" + keyword)

    def _decode(self, start: int, end: int) -> str:
        try:
            return self.text[start:end].decode("utf-8")
        except UnicodeDecodeError as error:
            at = start + error.start
            raise BadInput(
                f"{self.path}, line {self.number(at)}: byte {self.text[at]:02X} is not UTF-8. Convert the file, for example: "
                "iconv -f latin1 -t utf-8."
            ) from None

    def _locus(self, head: str) -> tuple[str, int, str]:
        first = head.split("\n", 1)[0]
        found = _LOCUS.match(first)
        if not found:
            raise BadInput(
                f"{self.path}, line {self.line}: expected 'LOCUS name length bp ...', got {first[:60]!r}. Correct the line."
            )
        if found[3] != "bp":
            raise self.fault(
                found[1],
                f"its length is in {found[3]!r}, not bp. Fetch the nucleotide record, or read a protein as FASTA.",
            )
        topology = "circular" if "circular" in found[4].split() else "linear"
        return found[1], int(found[2]), topology

    @staticmethod
    def _accession(head: str) -> str:
        words = [*_field(head, "VERSION").split()[:1], *_field(head, "ACCESSION").split()[:1]]
        return next((word for word in words if word != "."), "")

    @staticmethod
    def _no_sequence(contig: bool) -> str:
        if contig:
            return "only CONTIG, no sequence. Fetch it again in the full form: rettype=gbwithparts, or 'GenBank (full)'."
        return "no ORIGIN, so no sequence. Fetch it with its sequence (rettype=gbwithparts), or check whether it is truncated."

    def _stray_letter(self, at: int, base: int) -> str:
        letter = chr(self.text[at])
        remedy = "Correct the record or download it again."
        if words := server_words(self.text[max(0, at - 20) : at + 200]):
            remedy = f"Text of a web server ({words!r}): download the file again."
        elif letter in "uU":
            remedy = "U belongs to RNA: replace it by T."
        return f"{letter!r} at base {base + 1:,} is not a letter of DNA. {remedy}"

    def _sequence(self, name: str, origin: int, length: int) -> bytes:
        start = self.text.find(b"\n", origin + 1) + 1 or len(self.text)
        raw = self.text[start:].translate(_UPPER, _FILLING)
        if (bad := raw.find(0)) >= 0:
            at = next(i for i in range(start, len(self.text)) if not _UPPER[self.text[i]] and self.text[i] not in _FILLING)
            raise self.fault(name, self._stray_letter(at, bad), at)
        if not raw:
            raise self.fault(name, "ORIGIN has no sequence. Fetch it with its sequence (rettype=gbwithparts).", origin + 1)
        if len(raw) != length:
            raise self.fault(
                name, f"LOCUS gives {length:,} bp, ORIGIN has {len(raw):,}. The record is truncated or edited; download it again."
            )
        return raw


def _field(head: str, keyword: str) -> str:
    """The text of a header field, its lines joined."""
    found = re.search(rf"^{keyword} +(.*(?:\n {{2,}}.*)*)", head, re.MULTILINE)
    return " ".join(found[1].split()) if found else ""
