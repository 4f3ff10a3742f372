"""A protein at a glance: what every substitution in it would do, and where a model looks."""

import numpy as np
from matplotlib.figure import Figure

from glmkit.bio import alphabet
from glmkit.errors import BadInput
from glmkit.plot.style import GREY, INK, new_figure, title

# By chemistry, so that neighbours in the map are alike: hydrophobic, aromatic, small and special, polar, basic, acidic.
ROWS = "AVILMCFWYGPSTNQHKRDE"
AMINO_ACIDS = alphabet("protein").letters


def landscape_map(scores: np.ndarray, sequence: str, heading: str = "", first: int = 1, unit: str = "log-odds, nats") -> Figure:
    """A mutational landscape: residues across, the 20 amino acids down, grouped by chemistry; blue is worse than what stands there.

    Parameters
    ----------
    scores
        (length, 20), columns in alphabetical order, as `glmkit.score.landscape` gives them; NaN is left white.
    sequence
        The wild type, `length` letters; its own residues are marked by dots.
    heading
        Title.
    first
        Number of the first residue.
    unit
        Of the scores.

    Returns
    -------
    matplotlib.figure.Figure
        Colours are symmetric about 0 and reach the 99th percentile of the sizes.

    Raises
    ------
    BadInput
        Scores of another shape, or a sequence that does not fit.
    """
    values = np.asarray(scores, dtype=float)
    if values.ndim != 2 or values.shape[1] != len(AMINO_ACIDS):
        raise BadInput(f"scores: expected (length, 20), got {values.shape}.")
    if len(sequence) != len(values):
        raise BadInput(f"sequence: expected {len(values)} letters, one a row of the scores, got {len(sequence)}.")
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
    ax.set(xlabel="residue", ylabel="put in its place")
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    bar = figure.colorbar(picture, ax=ax, pad=0.01, aspect=20)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, color=GREY)
    bar.set_label(f"effect ({unit})", fontsize=8)
    title(ax, f"{heading}  (· what stands there)" if heading else "")
    return figure


def attention_map(weights: np.ndarray, heading: str = "", separation: int = 1) -> Figure:
    """Corrected attention between the residues of one protein.

    Parameters
    ----------
    weights
        (L, L), symmetric, around 0: attention after the average product correction.
    heading
        Title.
    separation
        Pairs closer than this along the chain are left white.

    Returns
    -------
    matplotlib.figure.Figure
        Square; residues are numbered from 1, and colours reach the 99th percentile.

    Raises
    ------
    BadInput
        A map that is not square.
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
    bar.set_label("attention above (red) or below what its\nrow and column explain", fontsize=8, color=INK)
    bar.ax.tick_params(labelsize=8, color=GREY)
    bar.outline.set_visible(False)
    ax.set(xlabel="residue", ylabel="residue")
    title(ax, heading)
    return figure
