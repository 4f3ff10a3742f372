"""A motif: letter frequencies of aligned stretches, with what they are worth to a model and where they stand."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from glmkit.errors import BadInput
from glmkit.interpret.attribution._mutagenesis import LETTERS

COLUMNS = ["sequence", "start", "end", "strand", "worth"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Motif:  # numpydoc ignore=PR02
    """A motif of DNA, as it reads on the + strand of itself.

    Parameters
    ----------
    name
        What tables and figures call it.
    frequencies
        float64 (length, 4): how often A, C, G and T stand at each position; rows sum to 1.
    contributions
        float64 (length, 4): mean attribution of each letter at each position, over all occurrences (letters that seldom occur
        are low for that reason alone); None where no model was asked, as for a motif from a file.
    n
        Occurrences behind the frequencies; 0 where a file does not say.
    positions
        One row an occurrence: ``sequence`` (number), ``start`` and ``end`` (0-based, half-open, on the given strand of the
        sequence), ``strand`` (+ or -) and ``worth`` (summed attribution). None for a motif from a file.

    Raises
    ------
    BadInput
        Frequencies of another shape, negative ones, or rows that do not sum to 1; contributions of another shape.
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
        """The most frequent letter of each position; lower case where it holds less than half."""
        best = self.frequencies.argmax(1)
        return "".join(LETTERS[i] if row[i] >= 0.5 else LETTERS[i].lower() for i, row in zip(best, self.frequencies, strict=True))

    def reverse_complement(self) -> "Motif":
        """The same motif as it reads on the other strand; the positions stay where they are and change their strand."""
        other = None if self.contributions is None else self.contributions[::-1, ::-1].copy()
        places = (
            None if self.positions is None else self.positions.assign(strand=self.positions["strand"].map({"+": "-", "-": "+"}))
        )
        return replace(self, frequencies=self.frequencies[::-1, ::-1].copy(), contributions=other, positions=places)
