"""What a service's module is given, and what it gives back."""

import difflib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from glmkit.acquire.http.progress import Watcher
from glmkit.acquire.http.retry_policy import Patience
from glmkit.errors import BadInput

LONGEST_NAME = 60  # letters of a file name that is made from a query


@dataclass(frozen=True, kw_only=True)
class Job:
    """One source to fetch.

    Attributes
    ----------
    name
        The source as it was asked for, without secrets.
    query
        What stands behind the service's prefix, without options.
    options
        ``#name=value`` behind it.
    folder
        Work folder of this source, which outlives a failed attempt.
    address
        Base address that takes the place of the service's own, if any.
    patience
        Limits on time.
    watcher
        Called with the progress.
    """

    name: str
    query: str
    options: Mapping[str, str] = field(default_factory=dict)
    folder: Path
    address: str = ""
    patience: Patience = field(default_factory=Patience)
    watcher: Watcher | None = None


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """One file that a service gave.

    Attributes
    ----------
    path
        In the job's folder, under its final name.
    source
        Database, release and address, without secrets.
    licence
        Terms of use.
    description
        What the file holds.
    organism
        Species, if the service says so.
    """

    path: Path
    source: str
    licence: str
    description: str
    organism: str = ""


def split_options(text: str, allowed: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Take the options off a query.

    Parameters
    ----------
    text
        ``QUERY`` or ``QUERY#name=value&name=value``.
    allowed
        Options of the service, each with what it means.

    Returns
    -------
    tuple
        The query and its options.

    Raises
    ------
    BadInput
        An option is unknown, malformed or there twice.
    """
    query, _, words = text.partition("#")
    options: dict[str, str] = {}
    for word in filter(None, words.split("&")):
        name, mark, value = word.partition("=")
        if name not in allowed or not mark or not value or name in options:
            near = difflib.get_close_matches(name, allowed, n=1)
            hint = f" Did you mean {near[0]!r}?" if near and name not in allowed else ""
            known = "; ".join(f"{key}= {meaning}" for key, meaning in allowed.items())
            raise BadInput(
                f"{word!r} after # is not understood.{hint} Options here, as #name=value&name=value: {known or 'none'}."
            )
        options[name] = value
    if not query.strip():
        raise BadInput("The source has no name behind its prefix, such as 'ncbi:NC_000913.3'.")
    return query.strip(), options


def one_of(options: Mapping[str, str], name: str, choices: Mapping[str, str], default: str) -> str:
    """The value of an option with few choices.

    Parameters
    ----------
    options
        Of the job.
    name
        Of the option.
    choices
        The values it may have, each with what it means.
    default
        The value if it is not given.

    Returns
    -------
    str
        One of `choices`.

    Raises
    ------
    BadInput
        Another value was given.
    """
    value = options.get(name, default)
    if value not in choices:
        raise BadInput(f"{name}={value} is not one of: {', '.join(f'{key} ({meaning})' for key, meaning in choices.items())}.")
    return value


def file_name(text: str, ending: str) -> str:
    """A plain file name that begins like `text`; where that is too long or too odd to be one itself, a few letters of its hash follow."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._-")
    if len(plain) > LONGEST_NAME:
        plain = f"{plain[:LONGEST_NAME]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return f"{plain or 'source'}{ending}"
