"""DNA motifs: letter frequencies of aligned sites, with their attributions and positions."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from glmkit.errors import BadInput
from glmkit.interpret.attribution._mutagenesis import LETTERS

COLUMNS = ["sequence", "start", "end", "strand", "worth"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Motif:  # numpydoc ignore=PR02
    """A DNA motif, in its own + orientation.

    Parameters
    ----------
    name
        Name in tables and figures.
    frequencies
        Position frequency matrix, float64 (length, 4), columns A, C, G, T; rows sum to 1.
    contributions
        Mean attribution of each letter at each position over all occurrences, float64 (length, 4). Rare letters have low values
        because of their rarity. None without a model, as for a motif from a file.
    n
        Number of occurrences; 0 if a file does not give it.
    positions
        One row per occurrence: ``sequence`` (index), ``start`` and ``end`` (0-based, half-open, on the + strand of the
        sequence), ``strand`` (+ or -) and ``worth`` (summed attribution). None for a motif from a file.

    Raises
    ------
    BadInput
        Frequencies of another shape, negative ones, or rows that do not sum to 1; contributions of another shape.

    Examples
    --------
    >>> from glmkit.interpret import Motif, position_frequencies
    >>> motif = Motif(name="box", frequencies=position_frequencies(["TATAAT", "TATGAT", "TACAAT"]))
    >>> motif.consensus, motif.reverse_complement().consensus
    ('TATAAT', 'ATTATA')
    """

    name: str
    frequencies: np.ndarray
    contributions: np.ndarray | None = None
    n: int = 0
    positions: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        found = np.asarray(self.frequencies, dtype=np.float64)
        if found.ndim != 2 or found.shape[1] != 4 or not len(found):
            raise BadInput(f"Motif {self.name!r}: expected frequencies (length, 4), got {found.shape}.")
        if not (found >= 0).all() or not np.allclose(found.sum(1), 1, atol=0.02):
            raise BadInput(f"Motif {self.name!r}: expected frequencies of 0 or more, each row summing to 1.")
        object.__setattr__(self, "frequencies", found / found.sum(1, keepdims=True))
        if self.contributions is not None and np.shape(self.contributions) != found.shape:
            raise BadInput(f"Motif {self.name!r}: expected contributions {found.shape}, got {np.shape(self.contributions)}.")

    def __len__(self) -> int:
        return len(self.frequencies)

    @property
    def consensus(self) -> str:
        """The most frequent letter of each position; lower case if its frequency is below one half."""
        best = self.frequencies.argmax(1)
        return "".join(LETTERS[i] if row[i] >= 0.5 else LETTERS[i].lower() for i, row in zip(best, self.frequencies, strict=True))

    def reverse_complement(self) -> "Motif":
        """The reverse complement of the motif; positions keep their coordinates and change their strand."""
        other = None if self.contributions is None else self.contributions[::-1, ::-1].copy()
        places = (
            None if self.positions is None else self.positions.assign(strand=self.positions["strand"].map({"+": "-", "-": "+"}))
        )
        return replace(self, frequencies=self.frequencies[::-1, ::-1].copy(), contributions=other, positions=places)
