"""The small real samples that ship inside glmkit, each verified against the index before it is used."""

import difflib
from functools import cache
from pathlib import Path

from glmkit.acquire.card import Card
from glmkit.errors import BadInput
from glmkit.files import read_json, sha256

SAMPLES = Path(__file__).parents[1] / "sample_data"


def samples() -> list[Card]:
    """The cards of all samples, in the order of the index.

    Returns
    -------
    list of Card
        Each with source, licence and SHA-256.
    """
    return [
        Card(**{key: value for key, value in entry.items() if key != "file"}, path=SAMPLES / entry["file"])
        for entry in read_json(SAMPLES / "index.json")
    ]


def card_of(name: str) -> Card:
    """The card of the sample `name`, its file verified.

    Parameters
    ----------
    name
        A name that :func:`samples` lists.

    Returns
    -------
    Card
        Its path is read-only data of the installed package.

    Raises
    ------
    BadInput
        There is no such sample, or its file is missing or not as shipped.
    """
    cards = {card.name: card for card in samples()}
    if name not in cards:
        near = difflib.get_close_matches(name, cards, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise BadInput(f"There is no sample {name!r}.{hint} Samples: {', '.join(cards)}.")
    card = cards[name]
    if not card.path.is_file():
        raise BadInput(f"{card.path}, the file of sample {name!r}, is missing. Install glmkit again.")
    stat = card.path.stat()
    if (got := _hash(card.path, stat.st_size, stat.st_mtime_ns)) != card.sha256:
        raise BadInput(
            f"{card.path}, the file of sample {name!r}, is not as shipped: expected SHA-256 {card.sha256}, got {got}. "
            "Install glmkit again."
        )
    return card


def sample(name: str) -> Path:
    """The path of a sample's file, verified.

    Parameters
    ----------
    name
        A name that :func:`samples` lists.

    Returns
    -------
    Path
        Read-only data of the installed package; copy it with :func:`glmkit.acquire.acquire` to work beside it.

    Raises
    ------
    BadInput
        There is no such sample, or its file is missing or not as shipped.
    """
    return card_of(name).path


@cache
def _hash(path: Path, size: int, modified: int) -> str:
    """SHA-256 of a file, worked out once as long as its size and time stay."""
    return sha256(path)
