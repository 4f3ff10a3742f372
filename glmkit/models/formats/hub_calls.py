"""Requests to a model hub, with retries after transient faults and clear errors for permanent ones.

Transient faults are broken connections and overloaded or failing servers (status 429 and 5xx). A request is made up to `TRIES` times,
with growing pauses of random length or the pause that the server states. A missing model or a missing permission is permanent.
"""

import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"  # must precede the import of the client
from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from glmkit.acquire.http import offline
from glmkit.errors import BadInput, NetworkError
from glmkit.files import disk_errors

constants.HF_HUB_DISABLE_TELEMETRY = True  # the client may have been imported earlier

TRIES = 4
PAUSE = 1.0  # seconds before the second request, doubled for each further one
LONGEST = 60.0  # seconds; a longer pause stated by the server is ignored
Answer = TypeVar("Answer")


class Unreachable(NetworkError):
    """The hub returned no valid response; a copy in the cache may be used instead."""


def endpoint_now() -> str:
    """Address of the hub: ``HF_ENDPOINT`` if it is set, else the client's default."""
    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def ask(question: Callable[[], Answer], model: str, revision: str) -> Answer:
    """Make a request to the hub, with retries after transient faults.

    Parameters
    ----------
    question
        Function that makes the request through the hub's client.
    model
        Name of the model, ``org/name``, for messages.
    revision
        Requested revision, for messages.

    Returns
    -------
    Answer
        Result of `question`.

    Raises
    ------
    BadInput
        The model or revision does not exist, or access to it is denied.
    Unreachable
        The hub returned no valid response in `TRIES` requests, or requests are disabled (``HF_HUB_OFFLINE``, ``GLMKIT_OFFLINE``).
    NetworkError
        The hub refused the request with a permanent error.
    ResourceError
        The disk is full, or the client's cache cannot be written.
    """
    if constants.HF_HUB_OFFLINE or offline():
        name = "HF_HUB_OFFLINE" if constants.HF_HUB_OFFLINE else "GLMKIT_OFFLINE"
        raise Unreachable(f"{name} is set, so {model!r} is not requested from {endpoint_now()}. Unset it to fetch the model.")
    for number in range(TRIES):
        try:
            with disk_errors(Path(constants.HF_HUB_CACHE)):
                return question()
        except HfHubHTTPError as error:
            status = error.response.status_code
            if status != 429 and status < 500:
                raise refused(error, model, revision) from error
            reason = f"answered {status}"
            pause = _named_pause(error)
        except (HTTPError, OSError, ValueError, KeyError, TypeError) as error:
            # Broken connections, incomplete files, and responses that are not the JSON of a hub.
            reason = f"returned no valid response ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''})"
            pause = None
        if number + 1 < TRIES:
            time.sleep(PAUSE * 2**number * (0.5 + secrets.randbelow(1000) / 1000) if pause is None else pause)
    raise Unreachable(
        f"{endpoint_now()} {reason} to the request for {model!r}, {TRIES} times. Check the network (HF_ENDPOINT and proxy settings) "
        "and run this again, or give the path of a folder with the model."
    )


def refused(error: HfHubHTTPError, model: str, revision: str) -> Exception:
    """Error for a permanent refusal."""
    hub, status = endpoint_now(), error.response.status_code
    if isinstance(error, GatedRepoError) or status == 403:
        return BadInput(
            f"{model!r} is gated: {hub} requires that you have accepted its terms (answer {status}). Accept them at "
            f"{hub}/{model} and log in with 'hf auth login', or set HF_TOKEN."
        )
    if isinstance(error, RevisionNotFoundError):
        return BadInput(f"{model!r} has no revision {revision!r} on {hub}. Give a commit, a tag or a branch that it has.")
    if isinstance(error, RepositoryNotFoundError) or status in (401, 404):
        return BadInput(
            f"There is no model {model!r} on {hub}, or it is private (answer {status}). Check the spelling; for a private one "
            "log in with 'hf auth login', or set HF_TOKEN."
        )
    return NetworkError(f"{hub} answered {status} to the request for {model!r}. Look at its status page, then run this again.")


def _named_pause(error: HfHubHTTPError) -> float | None:
    """Pause stated by the server, in seconds, if it is at most `LONGEST`; else None."""
    try:
        seconds = float(error.response.headers.get("Retry-After", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds <= LONGEST else None
