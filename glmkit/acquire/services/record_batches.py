"""Batches of records from a service: parsing, validation of each record, and comparison with the requested ids.

Services may respond with status 200 and yet have an error inside a record, omit a record, send one twice, or send another
one. A batch is therefore split into records, and records with invalid sequence text are discarded. Missing records are
requested again by id. A batch is either complete or an error.
"""

import re
import time
from collections.abc import Callable, Sequence

from glmkit.acquire.http.retry_policy import Patience
from glmkit.errors import NetworkError

Letters = re.Pattern[str]
DNA: Letters = re.compile(r"[ACGTUNRYSWKMBDHVacgtunryswkmbdhv-]+")
PROTEIN: Letters = re.compile(r"[A-Za-z*-]+")
_VERSION = re.compile(r"\.\d+$")
_ORIGIN = re.compile(r"\s*(\d+)((?: [a-z]+)+)\s*")


def fasta_records(text: str, letters: Letters) -> list[tuple[str, str]]:
    """The valid records of a FASTA text.

    Parameters
    ----------
    text
        Received text.
    letters
        Pattern that each line of sequence must match completely.

    Returns
    -------
    list of tuple
        Id and text of each record, ending in one line break. Records without a sequence or with invalid lines are discarded.
    """
    found = []
    for block in re.split(r"^>", text, flags=re.MULTILINE)[1:]:
        header, *lines = block.rstrip().splitlines() or [""]
        if header.split() and lines and all(letters.fullmatch(line.strip()) for line in lines):
            found.append((fasta_id(header), f">{header}\n" + "".join(f"{line.strip()}\n" for line in lines)))
    return found


def fasta_id(header: str) -> str:
    """The accession in a header: its first word, or the second part of ``sp|P04637|P53_HUMAN``; a PDB chain is ``1ABC_A``."""
    parts = header.split()[0].split("|")
    if len(parts) < 2 or not parts[1]:
        return parts[0]
    return f"{parts[1]}_{parts[2]}" if parts[0] == "pdb" and len(parts) > 2 else parts[1]


def genbank_records(text: str, letters: Letters) -> list[tuple[str, str]]:
    """The valid records of a GenBank or GenPept text.

    Parameters
    ----------
    text
        Received text.
    letters
        Pattern that the whole sequence must match.

    Returns
    -------
    list of tuple
        Versioned accession and text of each record whose ORIGIN has the length given in LOCUS.
    """
    found = []
    for block in re.split(r"^//\s*$", text, flags=re.MULTILINE)[:-1]:
        block = block.lstrip("\r\n")
        locus = re.match(r"LOCUS\s+\S+\s+(\d+) (?:bp|aa)\b", block)
        version = re.search(r"^VERSION\s+(\S+)", block, flags=re.MULTILINE)
        _, mark, origin = block.partition("\nORIGIN")
        lines = [_ORIGIN.fullmatch(line) for line in origin.splitlines()[1:] if line.strip()]
        if locus and version and mark and all(lines):
            sequence = "".join(line[2].replace(" ", "") for line in lines if line)
            if len(sequence) == int(locus[1]) and letters.fullmatch(sequence):
                found.append((version[1], f"{block.rstrip()}\n//\n"))
    return found


def complete(
    ids: Sequence[str],
    first: Callable[[], list[tuple[str, str]]],
    again: Callable[[Sequence[str]], list[tuple[str, str]]],
    *,
    service: str,
    patience: Patience,
) -> list[tuple[str, str]]:
    """Fetch a batch, and repeat for missing records until each id has one.

    Parameters
    ----------
    ids
        Unique ids; an id without a version matches any version.
    first
        Function that fetches the whole batch.
    again
        Function that fetches records by id.
    service
        Name of the service, for messages.
    patience
        Number of attempts and pauses between them.

    Returns
    -------
    list of tuple
        Id and text of the records, in the order of `ids`. Records with other ids are discarded.

    Raises
    ------
    NetworkError
        Records are still missing after the last attempt.
    """
    names = {name: name for name in ids} | {_VERSION.sub("", name): name for name in ids if not _VERSION.search(name)}
    have: dict[str, tuple[str, str]] = {}
    records = first()
    for number in range(patience.tries):
        _take(records, names, have)
        missing = [name for name in ids if name not in have]
        if not missing:
            return [have[name] for name in ids]
        if number + 1 < patience.tries:
            time.sleep(patience.back_off(number) if number else 0.0)
            records = again(missing)
    few = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
    raise NetworkError(
        f"{service} did not send {len(missing)} of {len(ids)} records completely, in {patience.tries} attempts: {few}. Look up "
        "one of them on its web site: it may be withdrawn. Complete batches are kept; renew=True starts again."
    )


def _take(records: list[tuple[str, str]], names: dict[str, str], have: dict[str, tuple[str, str]]) -> None:
    """Add requested records to `have` if absent; a record received twice with different texts is discarded."""
    received: dict[str, set[tuple[str, str]]] = {}
    for name, text in records:
        requested = names.get(name) or names.get(_VERSION.sub("", name))
        if requested and (requested == name or not _VERSION.search(requested)):
            received.setdefault(requested, set()).add((name, text))
    have.update({name: texts.pop() for name, texts in received.items() if name not in have and len(texts) == 1})
