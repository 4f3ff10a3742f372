"""The card of a file: what it is, where it comes from, under which licence, and the hash that identifies it."""

from dataclasses import asdict, dataclass
from pathlib import Path

from glmkit.files import write_json


@dataclass(frozen=True, kw_only=True)
class Card:
    """Provenance of one file.

    Attributes
    ----------
    name
        A short name.
    path
        Where the file lies.
    source
        Database, accession and package, or the path it was copied from.
    licence
        The terms of use.
    sha256
        Hash of the file's bytes.
    date
        When the file was made or acquired, ISO 8601.
    organism
        Species and strain, if known.
    description
        What the file holds.
    """

    name: str
    path: Path
    source: str
    licence: str
    sha256: str
    date: str
    organism: str = ""
    description: str = ""

    def write(self) -> Path:
        """Write the card beside its file, as ``<file>.card.json``, and return its path."""
        path = self.path.with_name(f"{self.path.name}.card.json")
        write_json(path, {**asdict(self), "path": self.path.name})
        return path
