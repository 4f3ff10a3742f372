"""The card of a file: content, provenance, licence and SHA-256."""

from dataclasses import asdict, dataclass
from pathlib import Path

from glmkit.files import write_json


@dataclass(frozen=True, kw_only=True)
class Card:
    """Provenance of one file.

    Attributes
    ----------
    name
        Short name.
    path
        Path of the file.
    source
        Database, accession and package, or the path of the original.
    licence
        Terms of use.
    sha256
        SHA-256 of the file, hexadecimal.
    date
        Date of creation or acquisition, ISO 8601.
    organism
        Species and strain; empty if unknown.
    description
        Content of the file.
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
        """Write the card next to its file, as ``<file>.card.json``, and return its path."""
        path = self.path.with_name(f"{self.path.name}.card.json")
        write_json(path, {**asdict(self), "path": self.path.name})
        return path
