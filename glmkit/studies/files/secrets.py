"""Secrets stay out of what is written: run.json, MLflow, the report.

A value is hidden when its *name* says that it is a secret (``HF_TOKEN``, ``ncbi_api_key``, ``dbPassword``), and any text that
holds the value of such an environment variable, or a password inside a URL, has that piece hidden. The test is on whole
words: ``batch_tokens`` and ``tokenizer`` are ordinary parameters of a language model and stay readable.
"""

import os
import re
from typing import Any

HIDDEN = "[hidden]"
_ENDINGS = ("token", "key", "password", "passwd", "passphrase", "secret", "secrets", "credential", "credentials")
_URL_PASSWORD = re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)")
_SHORTEST = 8  # a shorter environment value ("1", "true") would hide ordinary text


def is_secret(name: str) -> bool:
    """Whether `name` reads like the name of a secret.

    Examples
    --------
    >>> is_secret("HF_TOKEN"), is_secret("batch_tokens")
    (True, False)
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return any(word.endswith(_ENDINGS) for word in re.split(r"[^a-z0-9]+", spaced))


def redact(value: Any, name: str = "") -> Any:
    """`value` with secrets replaced by ``[hidden]``, all through dicts, lists and tuples.

    Parameters
    ----------
    value
        Anything JSON can hold.
    name
        What the value is called; the whole value is hidden if that is the name of a secret.
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
