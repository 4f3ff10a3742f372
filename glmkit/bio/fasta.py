"""A strict FASTA reader that streams.

The text is handled in blocks of a mebibyte with whole-block operations (``bytes.translate``, ``find``), never letter by
letter, so that strictness costs little and one record, not the file, bounds the memory: about twice the longest record.
The price of streaming is that a fault near the end shows only there; :func:`check_fasta` reads the whole file beforehand.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from glmkit.bio.alphabets import Alphabet
from glmkit.bio.alphabets import alphabet as alphabet_named
from glmkit.bio.fasta_faults import FaultyPiece, bad_header, decode_header, server_words
from glmkit.bio.opening import BLOCK, read_blocks
from glmkit.bio.records import NO_RUNS, Record
from glmkit.bio.report import DataReport
from glmkit.errors import BadInput

_LONGEST_HEADER = BLOCK
_DNA_LIKE = 50  # residues from which a "protein" of nothing but A, C, G, T, N is taken for DNA


class Checked(NamedTuple):
    """What a file holds: its usable records, their letters in all, and the longest."""

    records: int
    letters: int
    longest: int


def read_fasta(path: str | Path, alphabet: str = "dna", report: DataReport | None = None, minimum: int = 1) -> Iterator[Record]:
    """Read the records of a FASTA file, strictly, one at a time.

    Lower case is recorded as soft mask and turned to upper case. Counted in `report` and accepted: ambiguity codes
    (``iupac_codes``, with their fraction), unknown letters (``unknown_letters``), blanks inside a sequence
    (``blanks_stripped``), a stop at a protein's end (``trailing_stop``, taken off). Counted and left out: records of unknown
    letters only (``all_unknown``) and records shorter than `minimum` (``too_short``).

    Parameters
    ----------
    path
        Plain, gzip or BGZF text, told by content.
    alphabet
        ``"dna"``, ``"rna"`` or ``"protein"``.
    report
        Where remarks are counted.
    minimum
        Letters a record needs to be of use, such as the k of a k-mer tokenizer.

    Yields
    ------
    Record
        Its id is the header up to the first blank, as data.

    Raises
    ------
    BadInput
        The file is missing, empty, cut, not FASTA, not of this alphabet, has two records of one id, an empty record, or no
        record of use. The message names file, line, record and remedy.
    """
    return _records(Path(path), alphabet_named(alphabet), DataReport() if report is None else report, minimum)


def check_fasta(path: str | Path, alphabet: str = "dna", report: DataReport | None = None, minimum: int = 1) -> Checked:
    """Read a whole FASTA file without keeping it, so that its faults show before long work begins.

    Parameters
    ----------
    path, alphabet, report, minimum
        As for :func:`read_fasta`.

    Returns
    -------
    Checked
        Records, letters and the longest record.

    Raises
    ------
    BadInput
        As for :func:`read_fasta`.
    """
    records = letters = longest = 0
    for record in read_fasta(path, alphabet, report, minimum):
        records, letters, longest = records + 1, letters + len(record), max(longest, len(record))
    return Checked(records, letters, longest)


def _records(path: Path, letters: Alphabet, report: DataReport, minimum: int) -> Iterator[Record]:
    seen: dict[str, int] = {}
    found = 0
    draft: _Draft | None = None
    for line, offset, is_header, text in _pieces(path):
        if not is_header:
            if draft is not None:
                draft.add(text, line, offset)
            elif text.strip():
                raise bad_header(path, line, text)
            continue
        if draft is not None and (record := draft.finish(minimum)):
            found += 1
            yield record
            del record
        name, description = decode_header(path, line, offset, text)
        if name in seen:
            raise BadInput(
                f"{path}, line {line}: the id {name!r} stands in line {seen[name]} too; ids end at the first blank of a header. "
                "Give each record an id of its own, or remove the repeat."
            )
        seen[name] = line
        draft = _Draft(path, line, name, description, letters, report)
    if draft is None:
        raise BadInput(
            f"{path} holds no record, only blank lines. Expected a header line that starts with '>'. Download it again."
        )
    if record := draft.finish(minimum):
        found += 1
        yield record
    if not found:
        raise BadInput(
            f"{path}: none of its {len(seen)} records is left: each is shorter than {minimum} or holds only {letters.unknown!r}. "
            "Give sequences with known letters, or a smaller minimum."
        )


def _pieces(path: Path) -> Iterator[tuple[int, int, bool, bytes]]:
    """Cut the text into headers (without ``>``) and stretches of sequence: line number, byte offset, which of both, text."""
    line, offset, line_start = 1, 0, True
    header: bytes | None = None
    for block in read_blocks(path):
        at, size = 0, len(block)
        while at < size:
            if header is not None:
                end = block.find(b"\n", at)
                header += block[at : end if end >= 0 else size]
                if len(header) > _LONGEST_HEADER:
                    raise BadInput(
                        f"{path}, line {line}: a header longer than {_LONGEST_HEADER:,} bytes. Is this a FASTA file with line ends?"
                    )
                if end < 0:
                    break
                yield line, offset + end - len(header), True, header
                header, line, line_start, at = None, line + 1, True, end + 1
            elif line_start and block[at] == 62:  # '>'
                header, at = b"", at + 1
            else:
                end = block.find(b"\n>", at)
                end = size if end < 0 else end + 1
                piece = block[at:end]
                yield line, offset + at, False, piece
                line, line_start, at = line + piece.count(b"\n"), piece.endswith(b"\n"), end
        offset += size
    if header is not None:
        yield line, offset - len(header), True, header


class _Draft:
    """A record while its sequence comes in."""

    def __init__(self, path: Path, line: int, name: str, description: str, letters: Alphabet, report: DataReport) -> None:
        self.path, self.line, self.name, self.description = path, line, name, description
        self.letters, self.report = letters, report
        self.sequence = bytearray()
        self.masked: list[np.ndarray] = []
        self.codes = self.unknown = self.blanks = 0
        self.plain = letters.letters.encode()
        self.known = self.plain + letters.unknown.encode()
        self.allowed = self.known + letters.codes.encode() + (b"*" if letters.name == "protein" else b"")

    def where(self) -> str:
        return f"{self.path}, line {self.line}, record {self.name!r}"

    def add(self, piece: bytes, line: int, offset: int) -> None:
        """Append a stretch of the file; one that is all certain upper-case letters takes two passes."""
        if not piece.translate(None, self.plain + b"\n"):
            self.sequence += piece.replace(b"\n", b"")
            return
        text = piece.translate(None, b"\r\n")
        if b" " in text or b"\t" in text:
            if words := server_words(piece):
                raise FaultyPiece(self, piece, line, offset).server(words)
            solid = text.translate(None, b" \t")
            self.blanks += len(text) - len(solid)
            text = solid
        upper = text.upper()
        if upper.translate(None, self.allowed):
            raise FaultyPiece(self, piece, line, offset).error()
        self.unknown += upper.count(self.letters.unknown.encode())
        self.codes += len(upper.translate(None, self.known)) - upper.count(b"*")
        if upper != text:
            lower = np.frombuffer(text, dtype=np.uint8) >= ord("a")
            edges = np.flatnonzero(np.diff(lower, prepend=False, append=False))
            self.masked.append(edges.reshape(-1, 2).astype(np.int64) + len(self.sequence))
        self.sequence += upper

    def finish(self, minimum: int) -> Record | None:
        """The record, or None if it was left out; remarks are counted."""
        if self.letters.name == "protein":
            self.end_protein()
        size = len(self.sequence)
        if not size:
            raise BadInput(
                f"{self.where()}: no sequence follows the header. Remove the record or complete it; the file may be cut."
            )
        if self.letters.name != "protein" and 2 * self.codes > size:
            raise BadInput(
                f"{self.where()}: {self.codes:,} of {size:,} letters are ambiguity codes, which looks like a protein; expected "
                f"{self.letters.name.upper()}. Read it with alphabet='protein', or correct the file."
            )
        self.report.count("iupac_codes", self.codes, self.where(), of=size)
        self.report.count("unknown_letters", self.unknown, self.where(), of=size)
        self.report.count("blanks_stripped", self.blanks, self.where())
        if self.unknown == size or size < minimum:
            self.report.count("all_unknown" if self.unknown == size else "too_short", 1, self.where())
            return None
        sequence = self.sequence.decode("ascii")
        self.sequence = bytearray()
        return Record(self.name, sequence, self.description, _merged(self.masked, size))

    def end_protein(self) -> None:
        """Take a stop off the end; refuse one inside, and refuse DNA."""
        if self.sequence.endswith(b"*"):
            self.report.count("trailing_stop", 1, self.where())
            del self.sequence[-1]
        if (at := self.sequence.find(b"*")) >= 0:
            raise BadInput(
                f"{self.where()}: a stop ('*') at residue {at + 1:,} of {len(self.sequence):,}; expected stops at the end only. "
                "Remove the record, or cut it at the stop."
            )
        if len(self.sequence) >= _DNA_LIKE and not self.sequence.translate(None, b"ACGTUN"):
            raise BadInput(
                f"{self.where()}: only A, C, G, T, U, N: this is a nucleotide sequence, not a protein. Read it with alphabet='dna'."
            )


def _merged(runs: list[np.ndarray], size: int) -> np.ndarray:
    """Runs of all pieces as one array ``(runs, 2)``; runs that meet at a piece's edge become one."""
    if not runs:
        return NO_RUNS
    starts, ends = np.concatenate(runs).T
    apart = starts[1:] != ends[:-1]
    merged = np.stack([starts[np.r_[True, apart]], ends[np.r_[apart, True]]], axis=1)
    return np.minimum(merged, size)
