"""Physicochemical features of protein sequences: composition, dipeptides, hydropathy and charge, whole and of the N-terminus.

The first thirty residues often determine where a protein goes: a signal peptide is hydrophobic, a mitochondrial presequence positively
charged. They therefore have features of their own. Shares rather than counts make long and short proteins comparable; length is a
separate feature.

References
----------
Kyte J, Doolittle RF (1982). A simple method for displaying the hydropathic character of a protein. J Mol Biol 157, 105-132.
"""

from collections.abc import Sequence

import numpy as np

from glmkit.bio import PROTEIN
from glmkit.errors import BadInput

LETTERS = PROTEIN.letters
OTHER = len(LETTERS)
N_TERMINUS = 30
# Kyte-Doolittle hydropathy index, in the order of LETTERS; a residue outside them counts as 0.
HYDROPATHY = np.array(
    [1.8, 2.5, -3.5, -3.5, 2.8, -0.4, -3.2, 4.5, -3.9, 3.8, 1.9, -3.5, -1.6, -3.5, -4.5, -0.8, -0.7, 4.2, -0.9, -1.3, 0.0]
)
CHARGE = np.array([{"D": -1.0, "E": -1.0, "K": 1.0, "R": 1.0}.get(letter, 0.0) for letter in LETTERS] + [0.0])
_CODE = np.full(256, OTHER, dtype=np.uint8)
for _i, _letter in enumerate(LETTERS):
    _CODE[[ord(_letter), ord(_letter.lower())]] = _i


def residue_codes(sequence: str) -> np.ndarray:
    """Codes of one protein.

    Parameters
    ----------
    sequence
        Letters in either case.

    Returns
    -------
    uint8 array (length,)
        Codes, 0..19 in the order of ``LETTERS``, 20 for any other letter.
    """
    if not sequence:
        raise BadInput("Expected proteins of at least one residue, got an empty one. Remove it.")
    return _CODE[np.frombuffer(sequence.encode("latin-1", "replace"), dtype=np.uint8)]


def composition(sequences: Sequence[str], first: int | None = None) -> np.ndarray:
    """Share of each amino acid.

    Parameters
    ----------
    sequences
        Proteins.
    first
        Number of residues from the N-terminus; None for all.

    Returns
    -------
    float64 array (n, 20)
        Shares of all residues, unknown ones included.
    """
    codes = [residue_codes(sequence)[:first] for sequence in sequences]
    return np.stack([np.bincount(c, minlength=OTHER + 1)[:OTHER] / len(c) for c in codes])


def dipeptides(sequences: Sequence[str]) -> np.ndarray:
    """Share of each pair of neighbouring amino acids.

    Parameters
    ----------
    sequences
        Proteins.

    Returns
    -------
    float64 array (n, 400)
        Shares of pairs in alphabetical order; pairs with an unknown residue count in the total only.
    """
    table = np.zeros((len(sequences), (OTHER + 1) ** 2))
    for row, sequence in zip(table, sequences, strict=True):
        codes = residue_codes(sequence).astype(np.int64)
        row += np.bincount(codes[:-1] * (OTHER + 1) + codes[1:], minlength=row.size) / max(1, len(codes) - 1)
    return table.reshape(-1, OTHER + 1, OTHER + 1)[:, :OTHER, :OTHER].reshape(len(table), -1)


def physical(sequences: Sequence[str]) -> np.ndarray:
    """Length, hydropathy and charge.

    Parameters
    ----------
    sequences
        Proteins.

    Returns
    -------
    float64 array (n, 9)
        Natural logarithm of the length; mean and standard deviation of the hydropathy; its largest and smallest mean over 19
        residues (a membrane helix is about that long); charge a residue (lysine, arginine +1, aspartate, glutamate -1); and of
        the first 30 residues the mean hydropathy, its largest mean over 8 residues, and the charge a residue.
    """
    rows = []
    for sequence in sequences:
        codes = residue_codes(sequence)
        hydropathy, charge = HYDROPATHY[codes], CHARGE[codes]
        windows, head = _window_means(hydropathy, 19), hydropathy[:N_TERMINUS]
        whole = (np.log(len(codes)), hydropathy.mean(), hydropathy.std(), windows.max(), windows.min(), charge.mean())
        rows.append((*whole, head.mean(), _window_means(head, 8).max(), charge[:N_TERMINUS].mean()))
    return np.array(rows)


def protein_features(sequences: Sequence[str], pairs: bool = False) -> np.ndarray:
    """Composition, length, hydropathy and charge, and optionally dipeptides.

    Parameters
    ----------
    sequences
        Proteins.
    pairs
        Whether to add dipeptides.

    Returns
    -------
    float64 array (n, 49) or (n, 449)
        Composition of the whole and of the first 30 residues, length, hydropathy and charge, and dipeptides with `pairs`.
    """
    parts = [composition(sequences), composition(sequences, N_TERMINUS), physical(sequences)]
    return np.hstack([*parts, dipeptides(sequences)] if pairs else parts)


def _window_means(values: np.ndarray, size: int) -> np.ndarray:
    """Mean over every window of `size` values, or over all if there are fewer."""
    size = min(size, len(values))
    sums = np.cumsum(np.r_[0.0, values])
    return (sums[size:] - sums[:-size]) / size
