"""One question to a model hub: asked again when the fault may pass, and answered in one sentence when it does not.

What passes: a connection that breaks, a server that is overloaded or broken (429 and 5xx). It is asked up to `TRIES` times with
growing pauses of random length, or the pause that the server names. What does not pass: no such model, no right to it.
"""

import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"  # before the client is imported
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

constants.HF_HUB_DISABLE_TELEMETRY = True  # where something else has imported it first

TRIES = 4
PAUSE = 1.0  # seconds before the second try, doubled for each further one
LONGEST = 60.0  # seconds; a server that names a longer pause is not waited for
Answer = TypeVar("Answer")


class Unreachable(NetworkError):
    """The hub did not answer, or not in a way that can be used; a copy in the cache may do."""


def endpoint_now() -> str:
    """The hub's address: ``HF_ENDPOINT`` if it is set, else the client's default."""
    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def ask(question: Callable[[], Answer], model: str, revision: str) -> Answer:
    """Ask a hub, again if need be.

    Parameters
    ----------
    question
        Asks through the hub's client.
    model
        ``org/name``, for messages.
    revision
        What was asked for, for messages.

    Returns
    -------
    Answer
        What `question` returned.

    Raises
    ------
    BadInput
        There is no such model or revision, or one has no right to it.
    Unreachable
        The hub could not be reached or did not answer properly, `TRIES` times, or is not to be asked (``HF_HUB_OFFLINE``,
        ``GLMKIT_OFFLINE``).
    NetworkError
        The hub refused in a way that asking again would not change.
    ResourceError
        The disk is full, or the client's cache cannot be written.
    """
    if constants.HF_HUB_OFFLINE or offline():
        name = "HF_HUB_OFFLINE" if constants.HF_HUB_OFFLINE else "GLMKIT_OFFLINE"
        raise Unreachable(f"{name} is set, so {endpoint_now()} is not asked for {model!r}. Unset it to fetch the model.")
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
            # Broken connections, incomplete files, and answers that are not the JSON that a hub gives.
            reason = f"did not answer as a hub does ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''})"
            pause = None
        if number + 1 < TRIES:
            time.sleep(PAUSE * 2**number * (0.5 + secrets.randbelow(1000) / 1000) if pause is None else pause)
    raise Unreachable(
        f"{endpoint_now()} {reason} when asked for {model!r}, {TRIES} times. Check the network (HF_ENDPOINT and proxy settings) "
        "and run this again, or give the path of a folder that holds the model."
    )


def refused(error: HfHubHTTPError, model: str, revision: str) -> Exception:
    """The error to raise for a refusal that asking again would not change."""
    hub, status = endpoint_now(), error.response.status_code
    if isinstance(error, GatedRepoError) or status == 403:
        return BadInput(
            f"{model!r} is gated: {hub} gives it to those who have accepted its terms (answer {status}). Accept them at "
            f"{hub}/{model} and log in with 'hf auth login', or set HF_TOKEN."
        )
    if isinstance(error, RevisionNotFoundError):
        return BadInput(f"{model!r} has no revision {revision!r} on {hub}. Give a commit, a tag or a branch that it has.")
    if isinstance(error, RepositoryNotFoundError) or status in (401, 404):
        return BadInput(
            f"There is no model {model!r} on {hub}, or it is private (answer {status}). Check the spelling; for a private one "
            "log in with 'hf auth login', or set HF_TOKEN."
        )
    return NetworkError(f"{hub} answered {status} when asked for {model!r}. Look at its status page, then run this again.")


def _named_pause(error: HfHubHTTPError) -> float | None:
    """Seconds that the server asks to wait, if it names a bearable number."""
    try:
        seconds = float(error.response.headers.get("Retry-After", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds <= LONGEST else None
