"""Diagnosis and error messages of invalid sequence files.

This module is separate from the readers because, except for the decoding of headers, none of it runs on a valid file.
"""

import re
from pathlib import Path

from glmkit.bio.alphabets import Alphabet
from glmkit.errors import BadInput

_SERVER = re.compile(
    rb"<\s*(?:!doctype|html|head|body|error|\?xml)"
    rb"|\b(?:error|exception|unavailable|not found|forbidden|bad gateway|timed? ?out|too many requests)\b",
    re.IGNORECASE,
)

_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


def server_words(text: bytes) -> str:
    """The first words in `text` that are typical of a web server's response, or an empty string."""
    found = _SERVER.search(text)
    return found[0].decode("ascii", "replace") if found else ""


def bad_header(path: Path, line: int, text: bytes) -> BadInput:
    """The error for text before the first header."""
    shown = text.strip()[:40]
    if server_words(text[:2000]) or shown.startswith((b"<", b"{")):
        return BadInput(
            f"{path}, line {line}: expected FASTA, got what looks like a web page or a server's response ({shown!r}). "
            "Download the file again."
        )
    if (at := text.find(0)) >= 0:
        return BadInput(
            f"{path}, line {line}: a NUL byte at {at} before any header. This is not FASTA text (UTF-16?). Save it as plain text."
        )
    return BadInput(
        f"{path}, line {line}: no header: expected a line that starts with '>', got {shown!r}. Add '>name' above the "
        "sequence, or check the file's format."
    )


def decode_header(path: Path, line: int, offset: int, text: bytes) -> tuple[str, str]:
    """Id and description of a header given without ``>``; `offset` is the byte after ``>``."""
    text = text.removesuffix(b"\r")
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path}, line {line}, byte offset {offset + error.start}: byte {text[error.start]:02X} in the header is "
            "not UTF-8. Convert the file, for example: iconv -f latin1 -t utf-8."
        ) from None
    if not decoded.isprintable() and (control := _CONTROL.search(text)):
        byte = control[0][0]
        name = {0: "a NUL byte", 13: "a carriage return"}.get(byte, f"control byte {byte:02X}")
        raise BadInput(
            f"{path}, line {line}, byte offset {offset + control.start()}: {name} in the header. Save the file as plain "
            "text with Unix line ends."
        )
    words = decoded.split(maxsplit=1)
    if not words or text[:1] in b" \t":
        raise BadInput(f"{path}, line {line}: '>' without an id. Expected '>id description'. Give the record an id.")
    return words[0], words[1].rstrip() if len(words) > 1 else ""


def server_answer(path: Path, line: int, name: str, piece: bytes, words: str, at: int = 0) -> BadInput:
    """The error for a server's text after or inside a record; `at` is the offset in the piece at which it was detected."""
    found = piece.find(words.encode())
    line += piece.count(b"\n", 0, found if found >= 0 else at)
    return BadInput(
        f"{path}, line {line}, record {name!r}: text of a web server ({words!r}) instead of sequence; the download "
        "failed half-way. Download the file again."
    )


def bad_piece(path: Path, line: int, name: str, letters: Alphabet, allowed: bytes, piece: bytes, offset: int) -> BadInput:
    """The error for the first letter of a piece that is not in the alphabet."""
    fine = allowed + allowed.lower() + b"\r\n \t"
    at = next(i for i, byte in enumerate(piece) if byte not in fine)
    byte = piece[at]
    start, end = piece.rfind(b"\n", 0, at) + 1, piece.find(b"\n", at)
    text = piece[start : end if end >= 0 else len(piece)]
    words = server_words(text)
    if words or text.lstrip().startswith((b"<", b"{")):
        return server_answer(path, line, name, piece, words or text.strip()[:20].decode("ascii", "replace"), at)
    line += piece.count(b"\n", 0, at)
    place = f"{path}, line {line}, record {name!r}"
    if byte == 0 or byte >= 0x80:
        what = "a NUL byte" if byte == 0 else f"byte {byte:02X}"
        return BadInput(f"{place}, byte offset {offset + at}: {what} in the sequence. Save the file as plain ASCII text.")
    title = letters.name if letters.name == "protein" else letters.name.upper()
    remedy = _remedy(chr(byte).upper(), letters.name, text)
    return BadInput(f"{place}, column {at - start + 1}: {chr(byte)!r} is not a letter of {title}. {remedy}")


def _remedy(letter: str, name: str, text: bytes) -> str:
    """The remedy for a letter that is not in the alphabet `name`."""
    if letter in "-.~":
        return "That is a gap: remove gaps, which belong to alignments."
    if letter == "*":
        return "That is a stop: this looks like a protein (alphabet='protein'), or remove the stops."
    if letter == ">":
        return "A header inside a line: a line end is missing before '>'. Put it on a line of its own."
    if letter == ";":
        return "Comment lines are not part of FASTA. Remove them."
    if letter.isdigit():
        return "Numbers belong to other formats (GenBank, PHYLIP). Convert the file to FASTA."
    if name == "dna" and letter == "U":
        return "U belongs to RNA: read it with alphabet='rna', or replace U by T."
    if name == "rna" and letter == "T":
        return "T belongs to DNA: read it with alphabet='dna', or replace T by U."
    if name != "protein" and letter in "EFILPQZJOX" and text.strip().isalpha():
        return "This looks like a protein: read it with alphabet='protein', or give the nucleotide sequence."
    return "Correct the letter or remove the record."
