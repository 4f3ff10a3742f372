"""A strict, streaming FASTA reader.

The text is processed in blocks of 64 KiB. Validation is cheap, because it uses operations on whole blocks
(``bytes.translate``, ``find``) instead of a loop over letters. Memory is bounded by about twice the longest record, not by
the file. The trade-off of streaming: an error near the end of a file appears late. :func:`check_fasta` reads the whole file
beforehand.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from glmkit.bio.alphabets import Alphabet
from glmkit.bio.alphabets import alphabet as alphabet_named
from glmkit.bio.files.faults import bad_header, bad_piece, decode_header, server_answer, server_words
from glmkit.bio.files.opening import probe, read_blocks
from glmkit.bio.records import NO_RUNS, Record
from glmkit.bio.report import DataReport
from glmkit.errors import BadInput

_LONGEST_HEADER = 1 << 20
_MARK, _LINE_END = b">"[0], b"\n"[0]
_DNA_LIKE = 50  # minimum length at which a "protein" of only A, C, G, T, U, N is rejected as a nucleotide sequence


class Checked(NamedTuple):
    """Size of a file: number of usable records, total number of letters, and length of the longest record."""

    records: int
    letters: int
    longest: int


def read_fasta(path: str | Path, alphabet: str = "dna", report: DataReport | None = None, minimum: int = 1) -> Iterator[Record]:
    """Read the records of a FASTA file, strictly, one at a time.

    Lower case is recorded as soft mask and converted to upper case. Irregularities are counted in `report` under these codes:

    - accepted: ``iupac_codes`` (ambiguity codes, with their fraction), ``unknown_letters``, ``blanks_stripped`` (blanks inside
      a sequence), ``trailing_stop`` (a stop at the end of a protein, removed), ``all_lower_case`` (a record that is soft-masked
      over its whole length)
    - excluded: ``all_unknown`` (a record of unknown letters only), ``too_short`` (a record shorter than `minimum`)

    Parameters
    ----------
    path
        Path of plain, gzip or BGZF text; the compression is detected from the content.
    alphabet
        ``"dna"``, ``"rna"`` or ``"protein"``.
    report
        Report to which the counts are added; None discards them.
    minimum
        Minimum length of a record in letters, such as the k of a k-mer tokenizer.

    Yields
    ------
    Record
        A record whose id is the header up to the first blank.

    Raises
    ------
    BadInput
        The file is missing, empty, truncated, not FASTA or not of this alphabet; or it has a repeated id, an empty record,
        or no usable record. The message names file, line, record and remedy.

    Examples
    --------
    >>> import tempfile
    >>> report = DataReport()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "genome.fasta")
    ...     _ = path.write_text(">contig1 first contig\\nACGTNN\\nacgt\\n>contig2\\nGGRC\\n")
    ...     records = list(read_fasta(path, report=report))
    >>> [(record.id, record.sequence) for record in records]
    [('contig1', 'ACGTNNACGT'), ('contig2', 'GGRC')]
    >>> records[0].soft_masked.tolist()
    [[6, 10]]
    >>> report["unknown_letters"], report["iupac_codes"]
    (2, 1)
    """
    letters = alphabet_named(alphabet)
    return _Reader(probe(path), letters, DataReport() if report is None else report, minimum).records()


def check_fasta(path: str | Path, alphabet: str = "dna", report: DataReport | None = None, minimum: int = 1) -> Checked:
    """Read a whole FASTA file without storing it, to find its errors before long computations.

    Parameters
    ----------
    path, alphabet, report, minimum
        As for :func:`read_fasta`.

    Returns
    -------
    Checked
        Number of records, total letters, and length of the longest record.

    Raises
    ------
    BadInput
        As for :func:`read_fasta`.
    """
    records = letters = longest = 0
    for record in read_fasta(path, alphabet, report, minimum):
        records, letters, longest = records + 1, letters + len(record), max(longest, len(record))
    return Checked(records, letters, longest)


class _Reader:
    """State of one pass over a file: settings, totals, and the current record."""

    def __init__(self, path: Path, letters: Alphabet, report: DataReport, minimum: int) -> None:
        self.path, self.letters, self.report, self.minimum = path, letters, report, minimum
        self.protein = letters.name == "protein"
        self.plain = letters.letters.encode()
        self.unknown_letter = letters.unknown.encode()
        self.allowed = self.plain + self.unknown_letter + letters.codes.encode() + (b"*" if self.protein else b"")
        self.seen: dict[str, int] = {}
        self.total = 0
        self.start("", "")

    def start(self, name: str, description: str) -> None:
        self.name, self.description = name, description
        self.sequence = bytearray()
        self.masked: list[np.ndarray] = []
        self.codes = self.unknown = self.blanks = 0

    def where(self) -> str:
        return f"{self.path}, line {self.seen[self.name]}, record {self.name!r}"

    def records(self) -> Iterator[Record]:
        """The usable records, in file order."""
        found = 0
        for line, offset, header, piece in _pieces(self.path):
            if header is not None:
                if self.seen and (record := self.finish()):
                    found += 1
                    yield record
                    del record
                self.header(line - 1, offset - len(header) - 1, header)
            elif not self.seen:
                if piece.strip():
                    raise bad_header(self.path, line, piece)
                continue
            self.add(piece, line, offset)
        if not self.seen:
            raise BadInput(
                f"{self.path} has no record, only blank lines. Expected a header line that starts with '>'. Download it again."
            )
        if record := self.finish():
            found += 1
            yield record
        for code in ("iupac_codes", "unknown_letters"):
            self.report.count(code, 0, of=self.total)
        if not found:
            raise BadInput(
                f"{self.path}: none of its {len(self.seen)} records is usable: each is shorter than {self.minimum} or has only "
                f"{self.letters.unknown!r}. Give sequences with known letters, or a smaller minimum."
            )

    def header(self, line: int, offset: int, text: bytes) -> None:
        """Start a new record from its header."""
        name, description = decode_header(self.path, line, offset, text)
        if name in self.seen:
            raise BadInput(
                f"{self.path}, line {line}: the id {name!r} already occurs in line {self.seen[name]}; ids end at the first "
                "blank of a header. Give each record a unique id, or remove the repeat."
            )
        self.seen[name] = line
        self.start(name, description)

    def add(self, piece: bytes, line: int, offset: int) -> None:
        """Append a piece of the file to the sequence; a piece of unambiguous upper-case letters takes two fast passes."""
        text = piece.replace(b"\n", b"")
        if not text.translate(None, self.plain):
            self.sequence += text
            return
        text = text.translate(None, b"\r")
        if b" " in text or b"\t" in text:
            if words := server_words(piece):
                raise server_answer(self.path, line, self.name, piece, words)
            solid = text.translate(None, b" \t")
            self.blanks += len(text) - len(solid)
            text = solid
        letters = np.frombuffer(text, dtype=np.uint8)
        lower = letters >= ord("a")
        upper = (letters - (lower.view(np.uint8) << 5)).tobytes() if lower.any() else text
        if rest := upper.translate(None, self.plain):
            if rest.translate(None, self.allowed):
                raise bad_piece(self.path, line, self.name, self.letters, self.allowed, piece, offset)
            unknown = rest.count(self.unknown_letter)
            self.unknown += unknown
            self.codes += len(rest) - unknown - rest.count(b"*")
        if upper is not text:
            edges = np.flatnonzero(np.diff(lower, prepend=False, append=False))
            self.masked.append(edges.reshape(-1, 2).astype(np.int64) + len(self.sequence))
        self.sequence += upper

    def finish(self) -> Record | None:
        """The completed record, or None if it is excluded; remarks are counted."""
        if self.protein:
            self.end_protein()
        size = len(self.sequence)
        self.total += size
        if not size:
            raise BadInput(
                f"{self.where()}: no sequence follows the header. Remove the record or complete it; the file may be truncated."
            )
        if self.codes or self.unknown or self.blanks or size < self.minimum:
            self.remark(size)
            if self.unknown == size or size < self.minimum:
                return None
        runs = _merged(self.masked) if self.masked else NO_RUNS
        if len(runs) == 1 and runs[0, 1] - runs[0, 0] == size:
            self.report.count("all_lower_case", 1, self.where())
        return Record(self.name, self.sequence.decode("ascii"), self.description, runs)

    def remark(self, size: int) -> None:
        """Count accepted irregularities; reject a record of nucleotides that looks like a protein."""
        where = self.where()
        if 2 * self.codes > size and not self.protein:
            raise BadInput(
                f"{where}: {self.codes:,} of {size:,} letters are ambiguity codes, which looks like a protein; expected "
                f"{self.letters.name.upper()}. Read it with alphabet='protein', or correct the file."
            )
        self.report.count("iupac_codes", self.codes, where)
        self.report.count("unknown_letters", self.unknown, where)
        self.report.count("blanks_stripped", self.blanks, where)
        if self.unknown == size:
            self.report.count("all_unknown", 1, where)
        elif size < self.minimum:
            self.report.count("too_short", 1, where)

    def end_protein(self) -> None:
        """Remove a stop at the end; reject an internal stop, and reject DNA."""
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
                f"{self.where()}: only A, C, G, T, U, N: this is a nucleotide sequence, not a protein. Read it with "
                "alphabet='dna'."
            )


def _pieces(path: Path) -> Iterator[tuple[int, int, bytes | None, bytes]]:
    """Split the text into pieces of sequence: line number, byte offset, the header that directly precedes it or None, the text.

    A header is given without ``>`` and its line end; it is on the line before its piece, which may be empty.
    """
    line, offset, line_start = 1, 0, True
    unfinished: bytes | None = None
    for block in read_blocks(path):
        at, size = 0, len(block)
        while at < size:
            header = None
            if unfinished is None and line_start and block[at] == _MARK:
                unfinished, at = b"", at + 1
            if unfinished is not None:
                end = block.find(b"\n", at)
                header = unfinished + block[at : end if end >= 0 else size]
                if len(header) > _LONGEST_HEADER:
                    raise BadInput(
                        f"{path}, line {line}: a header over {_LONGEST_HEADER:,} bytes. Is this a FASTA file with line ends?"
                    )
                if end < 0:
                    unfinished = header
                    break
                unfinished, line, at = None, line + 1, end + 1
            stop = block.find(b">", at)
            while stop > 0 and block[stop - 1] != _LINE_END:
                stop = block.find(b">", stop + 1)
            piece = block[at : stop if stop > 0 else size]
            yield line, offset + at, header, piece
            line, line_start, at = line + piece.count(b"\n"), not piece or piece.endswith(b"\n"), at + len(piece)
        offset += size
    if unfinished is not None:
        yield line + 1, offset + 1, unfinished, b""


def _merged(runs: list[np.ndarray]) -> np.ndarray:
    """Runs of all pieces as one array ``(runs, 2)``; runs that are adjacent at the edge of a piece are merged."""
    starts, ends = np.concatenate(runs).T
    apart = starts[1:] != ends[:-1]
    return np.stack([starts[np.r_[True, apart]], ends[np.r_[apart, True]]], axis=1)
