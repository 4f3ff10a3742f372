"""Redaction of URLs for messages, logs and files: no passwords, and no values of fields that look like keys."""

import logging
import re
from urllib.parse import urlsplit

_SECRET = re.compile(
    r"key|token|sig|secret|pass|pwd|auth|cred|session|cookie|jwt|policy|expires|code|^x-(amz|goog|ms)-|^s[a-z]$", re.IGNORECASE
)
LONGEST = 64  # maximum characters of a value that is shown


def hide_parts(url: str) -> str:
    """A URL without parts that may be secret.

    Parameters
    ----------
    url
        URL to redact.

    Returns
    -------
    str
        URL without user, password and fragment. ``…`` replaces the value of each query field whose name suggests a key or
        whose value is longer than `LONGEST`.
    """
    parts = urlsplit(url)
    fields = []
    for pair in filter(None, parts.query.split("&")):
        name, mark, value = pair.partition("=")
        fields.append(f"{name}=…" if mark and (_SECRET.search(name) or len(value) > LONGEST) else pair)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="&".join(fields), fragment="").geturl()


class Hider(logging.Filter):
    """Log filter that redacts the URLs in the messages of an HTTP client."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the URLs among the arguments of a log record; all records are kept."""
        if isinstance(record.args, tuple):
            record.args = tuple(hide_parts(str(word)) if "://" in str(word) else word for word in record.args)
        return True
