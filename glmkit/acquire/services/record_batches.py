"""Records that a service sends by the hundred: taken apart, looked at one by one, and counted against what was asked for.

Services answer 200 and put an error in the middle of a record, leave one of ten out, send one twice or another one instead. So a
batch is taken apart into records; one whose text is not sequence is left out; what is missing then is asked for again, by name.
A batch is either complete or an error.
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
    """The sound records of a FASTA text.

    Parameters
    ----------
    text
        What came.
    letters
        What a line of sequence must match in full.

    Returns
    -------
    list of tuple
        Id and text of each record, ending in one line break. Those without a sequence or with another text in it are left out.
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
    """The sound records of a GenBank or GenPept text.

    Parameters
    ----------
    text
        What came.
    letters
        What a line of sequence must match in full.

    Returns
    -------
    list of tuple
        Versioned accession and text of each record, whose ORIGIN has as many letters as its LOCUS says.
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
    wanted: Sequence[str],
    first: Callable[[], list[tuple[str, str]]],
    again: Callable[[Sequence[str]], list[tuple[str, str]]],
    *,
    service: str,
    patience: Patience,
) -> list[tuple[str, str]]:
    """Fetch a batch until every record asked for is here once.

    Parameters
    ----------
    wanted
        Ids, each once; one without a version stands for any version.
    first
        Fetches the batch.
    again
        Fetches those that are missing, by id.
    service
        Name for messages.
    patience
        How often and after which pauses the missing are asked for.

    Returns
    -------
    list of tuple
        Id and text of the records, in the order of `wanted`. What nobody asked for is left out.

    Raises
    ------
    NetworkError
        Some are still missing when patience ends.
    """
    names = {name: name for name in wanted} | {_VERSION.sub("", name): name for name in wanted if not _VERSION.search(name)}
    have: dict[str, tuple[str, str]] = {}
    records = first()
    for number in range(patience.tries):
        _take(records, names, have)
        missing = [name for name in wanted if name not in have]
        if not missing:
            return [have[name] for name in wanted]
        if number + 1 < patience.tries:
            time.sleep(patience.back_off(number) if number else 0.0)
            records = again(missing)
    few = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
    raise NetworkError(
        f"{service} did not send {len(missing)} of {len(wanted)} records whole, asked {patience.tries} times: {few}. Look at one of "
        "them on its web site: it may be withdrawn. What has come whole is kept; renew=True begins again."
    )


def _take(records: list[tuple[str, str]], names: dict[str, str], have: dict[str, tuple[str, str]]) -> None:
    """Keep the records that were asked for and are not here; one that comes twice with different texts is not believed."""
    came: dict[str, set[tuple[str, str]]] = {}
    for name, text in records:
        asked = names.get(name) or names.get(_VERSION.sub("", name))
        if asked and (asked == name or not _VERSION.search(asked)):
            came.setdefault(asked, set()).add((name, text))
    have.update({asked: texts.pop() for asked, texts in came.items() if asked not in have and len(texts) == 1})
