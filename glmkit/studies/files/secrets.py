"""Redaction of secrets in run.json, MLflow and the report.

A value is hidden if its *name* is that of a secret (``HF_TOKEN``, ``ncbi_api_key``, ``dbPassword``). In any text, values of such
environment variables and passwords in URLs are hidden too. Names are compared by whole words: ``batch_tokens`` and ``tokenizer``
are ordinary parameters of a language model and stay readable.
"""

import os
import re
from typing import Any

HIDDEN = "[hidden]"
_ENDINGS = ("token", "key", "password", "passwd", "passphrase", "secret", "secrets", "credential", "credentials")
_URL_PASSWORD = re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)")
_SHORTEST = 8  # a shorter environment value ("1", "true") would hide ordinary text


def is_secret(name: str) -> bool:
    """Whether `name` looks like the name of a secret.

    Examples
    --------
    >>> is_secret("HF_TOKEN"), is_secret("batch_tokens")
    (True, False)
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return any(word.endswith(_ENDINGS) for word in re.split(r"[^a-z0-9]+", spaced))


def redact(value: Any, name: str = "") -> Any:
    """Return `value` with secrets replaced by ``[hidden]``, including those in nested dicts, lists and tuples.

    Parameters
    ----------
    value
        Value that JSON can represent.
    name
        Name of the value; the whole value is hidden if this is the name of a secret.

    Returns
    -------
    Any
        Redacted copy of `value`.

    Examples
    --------
    >>> redact({"steps": 400, "api_key": "abc", "store": "postgresql://ada:pw@host/runs"})
    {'steps': 400, 'api_key': '[hidden]', 'store': 'postgresql://[hidden]@host/runs'}
    """
    return _redact(value, name, _secret_values())


def _redact(value: Any, name: str, hidden: list[str]) -> Any:
    if is_secret(name) and value not in (None, "", 0, False):
        return HIDDEN
    if isinstance(value, dict):
        return {key: _redact(item, str(key), hidden) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redact(item, "", hidden) for item in value]
    if isinstance(value, str):
        for secret in hidden:
            value = value.replace(secret, HIDDEN)
        return _URL_PASSWORD.sub(HIDDEN, value)
    return value


def _secret_values() -> list[str]:
    """Values of environment variables named like secrets, longest first."""
    found = {value for name, value in os.environ.items() if is_secret(name) and len(value) >= _SHORTEST}
    return sorted(found, key=len, reverse=True)
