"""A strict GFF3 reader: nine tab-separated columns, percent-decoded attributes.

The format is the Sequence Ontology's GFF3 specification, version 1.26. Each line gives one feature; features are not joined
to their parents.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from glmkit.bio.files.faults import server_words
from glmkit.bio.files.opening import probe, read_blocks
from glmkit.bio.records import Interval
from glmkit.errors import BadInput

_STRANDS = {"+": 1, "-": -1, ".": 0, "?": 0}
_VERSION = re.compile(r"##gff-version\s+3(\.\S+)?\s*")


@dataclass(frozen=True, slots=True)
class GffFeature:
    """One line of a GFF3 file.

    Attributes
    ----------
    interval
        Coordinates, 0-based and half-open, with strand.
    source
        Program or database of origin, such as ``"Prodigal_v2.6.3"``.
    kind
        Feature type, such as ``"CDS"``.
    score
        Value of the score column, or None.
    phase
        Number of bases (0, 1 or 2) to skip at the 5' end of a CDS to reach a codon; None for other features.
    attributes
        Map of name to values, percent-decoded, in file order.
    """

    interval: Interval
    source: str
    kind: str
    score: float | None = None
    phase: int | None = None
    attributes: dict[str, list[str]] = field(default_factory=dict)


def read_gff(path: str | Path) -> Iterator[GffFeature]:
    """Read the features of a GFF3 file, strictly, in file order.

    Parameters
    ----------
    path
        Path of plain, gzip or BGZF text; the compression is detected from the content. Reading stops at ``##FASTA``.

    Yields
    ------
    GffFeature
        The feature of one line.

    Raises
    ------
    BadInput
        The file is missing, empty, truncated or not GFF3, or a line is malformed. The message names file, line and remedy.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "genes.gff")
    ...     _ = path.write_text("##gff-version 3\\nchr\\tProdigal\\tCDS\\t3\\t11\\t9.1\\t+\\t0\\tID=1_1;partial=00\\n")
    ...     gene, = read_gff(path)
    >>> gene.interval
    Interval(reference='chr', start=2, end=11, strand=1)
    >>> gene.kind, gene.score, gene.attributes["ID"]
    ('CDS', 9.1, ['1_1'])
    """
    return _features(probe(path))


def _features(path: Path) -> Iterator[GffFeature]:
    for number, line in enumerate(_lines(path), 1):
        if number == 1:
            _check_first(path, line)
        elif line.startswith("##FASTA"):
            return
        elif line.strip() and not line.startswith("#"):
            yield _feature(line, f"{path}, line {number}")


def _lines(path: Path) -> Iterator[str]:
    """The lines of a file, decoded."""
    rest, before = b"", 0
    for block in read_blocks(path):
        *whole, rest = (rest + block).split(b"\n")
        for number, line in enumerate(whole, before + 1):
            yield _decoded(path, number, line)
        before += len(whole)
    if rest:
        yield _decoded(path, before + 1, rest)


def _decoded(path: Path, number: int, line: bytes) -> str:
    try:
        return line.decode("utf-8").rstrip("\r")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path}, line {number}: byte {line[error.start]:02X} is not UTF-8. Convert the file: iconv -f latin1 -t utf-8."
        ) from None


def _check_first(path: Path, line: str) -> None:
    if _VERSION.fullmatch(line):
        return
    if server_words(line.encode()) or line.lstrip().startswith("<"):
        raise BadInput(f"{path}, line 1: expected GFF3, got what looks like a web page ({line[:40]!r}). Download the file again.")
    raise BadInput(
        f"{path}, line 1: expected '##gff-version 3', got {line[:60]!r}. GFF2 and GTF are other formats; convert them, "
        "or add the line."
    )


def _feature(line: str, where: str) -> GffFeature:
    columns = line.split("\t")
    if len(columns) != 9:
        hint = (
            "Columns are separated by tabs, not blanks."
            if len(columns) == 1 and len(line.split()) >= 9
            else "The line may be truncated."
        )
        raise BadInput(f"{where}: expected 9 tab-separated columns, got {len(columns)}. {hint}")
    reference, source, kind, start, end, score, strand, phase, attributes = columns
    if not (start.isdigit() and end.isdigit() and 1 <= int(start) <= int(end)):
        raise BadInput(f"{where}: expected 1 <= start <= end (1-based, closed), got {start!r} and {end!r}. Correct the line.")
    if strand not in _STRANDS:
        raise BadInput(f"{where}: strand {strand!r}; expected '+', '-', '.' or '?'. Correct the line.")
    if phase not in ("0", "1", "2") and (phase != "." or kind == "CDS"):
        raise BadInput(f"{where}: phase {phase!r}; expected 0, 1 or 2 for a CDS, and otherwise also '.'. Correct the line.")
    try:
        value = None if score == "." else float(score)
    except ValueError:
        raise BadInput(f"{where}: score {score!r} is neither a number nor '.'. Correct the line.") from None
    return GffFeature(
        interval=Interval(unquote(reference), int(start) - 1, int(end), _STRANDS[strand]),
        source=unquote(source),
        kind=unquote(kind),
        score=value,
        phase=None if phase == "." else int(phase),
        attributes=_attributes(attributes, where),
    )


def _attributes(text: str, where: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    if text == ".":
        return found
    for entry in filter(None, text.strip().split(";")):
        name, equals, values = entry.strip().partition("=")
        if not equals or not name:
            raise BadInput(
                f"{where}: attribute {entry[:40]!r}; expected name=value, with ';' between attributes (GFF3, not GTF). "
                "Correct the line."
            )
        found.setdefault(unquote(name), []).extend(map(unquote, values.split(",")))
    return found
