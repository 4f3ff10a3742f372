"""Block-wise reading of plain and compressed text files, with detection of truncated files.

Compression is detected from the content, never from the name. The gzip decoder reports a stream that ends early. It does
not report a BGZF file (blocked gzip, as written by bgzip) truncated between two blocks, which reads as a shorter file. The
BGZF specification (SAM/BAM format, section 4.1.2) requires an empty last block; its presence is checked before reading.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from glmkit.errors import BadInput

BLOCK = 1 << 16  # bytes; fits the second-level cache, so that repeated passes over a block are fast
_GZIP = b"\x1f\x8b"
_OTHER = {b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"PK\x03\x04": "zip", b"\x28\xb5\x2f\xfd": "zstd"}
BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def read_blocks(path: str | Path, size: int = BLOCK) -> Iterator[bytes]:
    """Yield the decompressed text of `path` in blocks of at most `size` bytes.

    Parameters
    ----------
    path
        Path of a plain, gzip (one or more members) or BGZF file.
    size
        Maximum block size in bytes, which also bounds the memory.

    Yields
    ------
    bytes
        Next block of text, without a leading byte-order mark.

    Raises
    ------
    BadInput
        The file is missing, empty, truncated, damaged, or compressed in another format.
    """
    path = Path(path)
    at = 0
    with _opened(path) as raw:
        stream = gzip.GzipFile(fileobj=raw) if _is_gzip(path, raw) else raw
        while block := _next(path, stream, size, at):
            yield block.removeprefix(b"\xef\xbb\xbf") if at == 0 else block
            at += len(block)
    if at == 0:
        raise BadInput(f"{path}: the compressed file contains no text. Copy or download it again.")


def probe(path: str | Path) -> Path:
    """Check what needs no full read: that a file exists, is not empty, matches its suffix, and is not truncated BGZF.

    Parameters
    ----------
    path
        Path of a text file, compressed or not.

    Returns
    -------
    Path
        The checked path.

    Raises
    ------
    BadInput
        As for :func:`read_blocks`.
    """
    path = Path(path)
    with _opened(path) as file:
        _is_gzip(path, file)
    return path


def _next(path: Path, stream: BinaryIO | gzip.GzipFile, size: int, at: int) -> bytes:
    try:
        return stream.read(size)
    except EOFError:
        raise BadInput(
            f"{path}: the gzip stream ends early, after {at:,} bytes of text: the file is truncated. Copy or download it again."
        ) from None
    except (zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(f"{path}: damaged gzip after {at:,} bytes of text ({error}). Copy or download it again.") from None


def _opened(path: Path) -> BinaryIO:
    if not path.exists():
        raise BadInput(f"{path} does not exist. Check the path; relative paths start from {Path.cwd()}.")
    if not path.is_file():
        raise BadInput(f"{path} is not a file. Give the path of one file.")
    try:
        return path.open("rb")
    except PermissionError:
        raise BadInput(f"{path}: no permission to read it. Change its permissions or copy it.") from None


def _is_gzip(path: Path, file: BinaryIO) -> bool:
    """Whether `file` is gzip; an error if it is empty, otherwise compressed, misnamed, or truncated BGZF."""
    head = file.read(64)
    size = file.seek(0, 2)
    file.seek(0)
    if size == 0:
        raise BadInput(f"{path} is empty (0 bytes). Copy or download it again.")
    for magic, name in _OTHER.items():
        if head.startswith(magic):
            raise BadInput(
                f"{path} is compressed with {name}; expected plain text, gzip or bgzip. Decompress it, or compress it with gzip."
            )
    if not head.startswith(_GZIP):
        if path.suffix in {".gz", ".bgz", ".gzip"}:
            raise BadInput(
                f"{path} is named {path.suffix} but is not gzip: it starts with {head[:12]!r}. Rename it, or download it again."
            )
        return False
    if head[2:4] == b"\x08\x04" and head[12:14] == b"BC":
        file.seek(max(0, size - len(BGZF_END)))
        if file.read() != BGZF_END:
            raise BadInput(
                f"{path}: BGZF without its end block: the file is truncated, perhaps between two blocks, and would read as "
                "a shorter file. Copy or download it again."
            )
        file.seek(0)
    return True
