"""Addresses as they may be written down: without passwords, and without the values of fields that look like keys."""

import logging
import re
from urllib.parse import urlsplit

_SECRET = re.compile(
    r"key|token|sig|secret|pass|pwd|auth|cred|session|cookie|jwt|policy|expires|code|^x-(amz|goog|ms)-|^s[a-z]$", re.IGNORECASE
)
LONGEST = 64  # characters of a value that may be shown


def hide_parts(url: str) -> str:
    """An address without what may be secret.

    Parameters
    ----------
    url
        Address.

    Returns
    -------
    str
        Without user, password and fragment; ``…`` stands for the value of each field of the query whose name speaks of keys, or
        which is long.
    """
    parts = urlsplit(url)
    fields = []
    for pair in filter(None, parts.query.split("&")):
        name, mark, value = pair.partition("=")
        fields.append(f"{name}=…" if mark and (_SECRET.search(name) or len(value) > LONGEST) else pair)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="&".join(fields), fragment="").geturl()


class Hider(logging.Filter):
    """Does the same to the addresses that an HTTP client writes to its log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Hide parts of the addresses among a message's arguments; nothing is left out of the log."""
        if isinstance(record.args, tuple):
            record.args = tuple(hide_parts(str(word)) if "://" in str(word) else word for word in record.args)
        return True
