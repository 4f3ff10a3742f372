"""Detection of a model folder's format. ``config.json`` is read once and parsed once.

=============== ====================================================== =======================================
kind            recognised by                                          opened with
=============== ====================================================== =======================================
``saved``       ``manifest.json``, or ``glmkit`` in ``config.json``    the packed network and glmkit's heads
``published``   a ``model_type`` of `glmkit.models.families`           the packed network
``arrays``      ``model_weights.npz``                                  UniRep's multiplicative LSTM
``transformers``  any other ``config.json``                            `glmkit.models.adapter`
=============== ====================================================== =======================================
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from glmkit.errors import BadInput
from glmkit.models.families.family import Family
from glmkit.models.families.registry import family_of_config

ARRAYS = "model_weights.npz"
Kind = Literal["saved", "published", "arrays", "transformers"]


@dataclass(frozen=True)
class Source:  # numpydoc ignore=PR02
    """A model folder.

    Parameters
    ----------
    folder
        Path of the folder.
    """

    folder: Path

    @property
    def where(self) -> str:
        """Path of ``config.json``, for messages."""
        return str(self.folder / "config.json")

    @cached_property
    def text(self) -> bytes:
        """Content of ``config.json``, read at the first use.

        Raises
        ------
        BadInput
            The file is missing.
        """
        try:
            return Path(self.where).read_bytes()
        except FileNotFoundError:
            raise BadInput(f"{self.where} does not exist.") from None

    @cached_property
    def config(self) -> dict[str, Any]:
        """The parsed ``config.json``.

        Raises
        ------
        BadInput
            The file is not JSON, or is no configuration.
        """
        try:
            value = json.loads(self.text)
        except ValueError as error:
            raise BadInput(f"{self.where} is not valid JSON ({error}). Was it cut short? Copy it again.") from error
        if not isinstance(value, dict):
            raise BadInput(f"{self.where} is not the configuration of a model. Copy the folder again.")
        return value

    @cached_property
    def family(self) -> Family | None:
        """Family of the architecture; None if no table in `glmkit.models.families` describes it.

        Raises
        ------
        BadInput
            The model requires code of its own (``auto_map``).
        """
        return family_of_config(self.config, self.where)

    @cached_property
    def kind(self) -> Kind:
        """Format of the folder. A folder without any known file counts as ``saved``; its opener reports the missing file."""
        if (self.folder / ARRAYS).is_file():
            return "arrays"
        if (self.folder / "manifest.json").exists() or not (self.folder / "config.json").is_file() or "glmkit" in self.config:
            return "saved"
        return "transformers" if self.family is None else "published"

    @property
    def settings(self) -> dict[str, Any]:
        """Entries about the head that glmkit wrote into ``config.json``; empty for a published model."""
        return self.config.get("glmkit", {})


def detect(folder: str | Path) -> Source:
    """Detect the format of a model folder.

    Only ``config.json`` is read, once, at the first use of an attribute that depends on it.

    Parameters
    ----------
    folder
        Folder of the model.

    Returns
    -------
    Source
        Description of the folder; its `kind` selects the opener.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "config.json").write_text('{"model_type": "bert"}')
    >>> detect(folder).kind, detect(folder).family.name
    ('published', 'bert')
    """
    return Source(Path(folder))
