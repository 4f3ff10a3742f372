"""Figures of one protein: mutational landscape and attention map."""

import numpy as np
from matplotlib.figure import Figure

from glmkit.bio import alphabet
from glmkit.errors import BadInput
from glmkit.plot.style import GREY, INK, new_figure, title

# Ordered by chemistry, so that neighbouring rows are similar: hydrophobic, aromatic, small and special, polar, basic, acidic.
ROWS = "AVILMCFWYGPSTNQHKRDE"
AMINO_ACIDS = alphabet("protein").letters


def landscape_map(scores: np.ndarray, sequence: str, heading: str = "", first: int = 1, unit: str = "log-odds, nats") -> Figure:
    """Mutational landscape as a heat map: columns are residues, rows are amino acids by chemistry, blue is worse than wild type.

    Parameters
    ----------
    scores
        Scores from `glmkit.score.landscape`, (length, 20), columns in alphabetical order; NaN is left white.
    sequence
        Wild-type sequence, `length` letters; its residues are marked by dots.
    heading
        Title of the figure.
    first
        Number of the first residue.
    unit
        Unit of the scores.

    Returns
    -------
    matplotlib.figure.Figure
        Colours are symmetric about 0 and reach the 99th percentile of the absolute scores.

    Raises
    ------
    BadInput
        Scores of another shape, or a sequence of another length.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.plot import landscape_map
    >>> landscape_map(np.random.default_rng(0).normal(size=(3, 20)), "MKE", first=7)
    <Figure size ... with 2 Axes>
    """
    values = np.asarray(scores, dtype=float)
    if values.ndim != 2 or values.shape[1] != len(AMINO_ACIDS):
        raise BadInput(f"scores: expected (length, 20), got {values.shape}.")
    if len(sequence) != len(values):
        raise BadInput(f"sequence: expected {len(values)} letters, one per row of the scores, got {len(sequence)}.")
    order = [AMINO_ACIDS.index(letter) for letter in ROWS]
    figure, (ax,) = new_figure(3.6)
    bound = float(np.nanquantile(np.abs(values), 0.99)) or 1.0
    extent = (first - 0.5, first + len(values) - 0.5, len(ROWS) - 0.5, -0.5)
    picture = ax.imshow(
        values[:, order].T, cmap="RdBu_r", vmin=-bound, vmax=bound, aspect="auto", interpolation="nearest", extent=extent
    )
    places = [(first + i, ROWS.index(letter)) for i, letter in enumerate(sequence.upper()) if letter in ROWS]
    ax.plot(*zip(*places, strict=True), linestyle="", marker=".", markersize=2.5, color=INK)
    ax.set_yticks(range(len(ROWS)), list(ROWS), fontsize=7, family="monospace")
    ax.set(xlabel="residue", ylabel="substituted amino acid")
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    bar = figure.colorbar(picture, ax=ax, pad=0.01, aspect=20)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, color=GREY)
    bar.set_label(f"effect ({unit})", fontsize=8)
    title(ax, f"{heading}  (· wild type)" if heading else "")
    return figure


def attention_map(weights: np.ndarray, heading: str = "", separation: int = 1) -> Figure:
    """Attention between the residues of one protein, after the average product correction.

    Parameters
    ----------
    weights
        Corrected attention, (L, L), symmetric, centred on 0.
    heading
        Title of the figure.
    separation
        Minimum distance along the chain in residues; closer pairs are left white.

    Returns
    -------
    matplotlib.figure.Figure
        Square; residues are numbered from 1, and colours reach the 99th percentile.

    Raises
    ------
    BadInput
        A map that is not square.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.plot import attention_map
    >>> attention_map(np.random.default_rng(0).normal(size=(8, 8)))
    <Figure size ... with 2 Axes>
    """
    shades = np.array(weights, dtype=np.float64)
    if shades.ndim != 2 or shades.shape[0] != shades.shape[1]:
        raise BadInput(f"weights: expected (L, L), got {shades.shape}.")
    row, column = np.indices(shades.shape)
    shades[np.abs(row - column) < separation] = np.nan
    bound = float(np.nanquantile(np.abs(shades), 0.99)) or 1.0
    figure, (ax,) = new_figure(5.0, width=6.0)
    edges = (0.5, len(shades) + 0.5, len(shades) + 0.5, 0.5)
    image = ax.imshow(shades, cmap="RdBu_r", vmin=-bound, vmax=bound, extent=edges, interpolation="nearest")
    bar = figure.colorbar(image, ax=ax, shrink=0.6, aspect=18, pad=0.03)
    bar.set_label("attention above (red) or below the\nexpectation of row and column", fontsize=8, color=INK)
    bar.ax.tick_params(labelsize=8, color=GREY)
    bar.outline.set_visible(False)
    ax.set(xlabel="residue", ylabel="residue")
    title(ax, heading)
    return figure
