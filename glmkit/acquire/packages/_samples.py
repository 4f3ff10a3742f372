"""Small samples of real data that ship with glmkit, each verified against the index before use."""

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
        Cards with source, licence and SHA-256.

    Examples
    --------
    >>> [card.name for card in samples()][:2]
    ['leptospira_kirschneri_h1', 'staphylococcus_aureus_n315']
    """
    return [
        Card(**{key: value for key, value in entry.items() if key != "file"}, path=SAMPLES / entry["file"])
        for entry in read_json(SAMPLES / "index.json")
    ]


def card_of(name: str) -> Card:
    """The card of a sample, its file verified.

    Parameters
    ----------
    name
        Name listed by :func:`samples`.

    Returns
    -------
    Card
        Card whose path is read-only data of the installed package.

    Raises
    ------
    BadInput
        There is no such sample, or its file is missing or altered.
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
    """The path of the file of a sample, verified.

    Parameters
    ----------
    name
        Name listed by :func:`samples`.

    Returns
    -------
    Path
        Read-only data of the installed package; :func:`glmkit.acquire.acquire` makes a copy.

    Raises
    ------
    BadInput
        There is no such sample, or its file is missing or altered.

    Examples
    --------
    >>> sample("helicobacter_pylori_g27").name
    'helicobacter_pylori_g27.fasta.gz'
    """
    return card_of(name).path


@cache
def _hash(path: Path, size: int, modified: int) -> str:
    """SHA-256 of a file, cached as long as its size and modification time stay the same."""
    return sha256(path)
