"""Input and result of the fetch function of a service, and parsing of its options."""

import difflib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from glmkit.acquire.http.progress import Watcher
from glmkit.acquire.http.retry_policy import Patience
from glmkit.errors import BadInput

LONGEST_NAME = 60  # maximum characters of a file name made from a query


@dataclass(frozen=True, kw_only=True)
class Job:
    """One source to fetch.

    Attributes
    ----------
    name
        Requested source, without secrets.
    query
        Text after the prefix of the service, without options.
    options
        Options ``#name=value`` at the end of the source, as a map of name to value.
    folder
        Work folder of this source; it persists after a failed attempt, for resumption.
    address
        Base URL that replaces that of the service; empty for the default.
    patience
        Limits on time and number of attempts.
    watcher
        Function called with the progress; None for none.
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
    """One file fetched from a service.

    Attributes
    ----------
    path
        Path in the folder of the job, under the final name.
    source
        Database, release and URL, without secrets.
    licence
        Terms of use.
    description
        Content of the file.
    organism
        Species; empty if the service does not state it.
    """

    path: Path
    source: str
    licence: str
    description: str
    organism: str = ""


def split_options(text: str, allowed: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Split a source into its query and its options.

    Parameters
    ----------
    text
        Text of the form ``QUERY`` or ``QUERY#name=value&name=value``.
    allowed
        Options of the service, as a map of name to meaning.

    Returns
    -------
    tuple
        Query, and map of option name to value.

    Raises
    ------
    BadInput
        An option is unknown, malformed or repeated.
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
                f"{word!r} after # is not an option.{hint} Options here, as #name=value&name=value: {known or 'none'}."
            )
        options[name] = value
    if not query.strip():
        raise BadInput("The source has no name after its prefix. Give one, such as 'ncbi:NC_000913.3'.")
    return query.strip(), options


def one_of(options: Mapping[str, str], name: str, choices: Mapping[str, str], default: str) -> str:
    """The value of an option with a fixed set of choices.

    Parameters
    ----------
    options
        Options of the job.
    name
        Name of the option.
    choices
        Allowed values, as a map of value to meaning.
    default
        Value of an absent option.

    Returns
    -------
    str
        One of `choices`.

    Raises
    ------
    BadInput
        The value is not among `choices`.
    """
    value = options.get(name, default)
    if value not in choices:
        raise BadInput(f"{name}={value} is not one of: {', '.join(f'{key} ({meaning})' for key, meaning in choices.items())}.")
    return value


def file_name(text: str, ending: str) -> str:
    """A portable file name made from `text`; a name over `LONGEST_NAME` is cut, and digits of the hash of `text` are added."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._-")
    if len(plain) > LONGEST_NAME:
        plain = f"{plain[:LONGEST_NAME]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return f"{plain or 'source'}{ending}"
