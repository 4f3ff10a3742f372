"""Genomes at a glance: how large, and how rich in G and C."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from glmkit.plot.style import CYCLE, GREY, new_figure


def genomes(names: Sequence[str], megabases: Sequence[float], gc: Sequence[float], roles: Sequence[str]) -> Figure:
    """One bar a genome, coloured by its role, with its GC content beside it.

    Parameters
    ----------
    names
        Organisms, n of them.
    megabases
        Sizes, millions of bases.
    gc
        Share of G and C among known bases, 0 to 1.
    roles
        What each is used for.

    Returns
    -------
    matplotlib.figure.Figure
        First genome on top.
    """
    figure, (ax,) = new_figure(0.9 + 0.5 * len(names))
    colour = dict(zip(dict.fromkeys(roles), CYCLE, strict=False))
    rows = list(range(len(names)))[::-1]
    for row, name, size, share, role in zip(rows, names, megabases, gc, roles, strict=True):
        ax.barh(row, size, 0.5, color=colour[role], label=role)
        ax.annotate(
            f"{size:.2f} Mb, GC {share:.1%}", (size, row), xytext=(5, 0), textcoords="offset points", va="center", fontsize=8
        )
        ax.text(0, row + 0.28, name, va="bottom", fontsize=8, color=GREY)
    handles, labels = ax.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    ax.legend(unique.values(), unique.keys(), frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    ax.set_yticks([])
    ax.set_ylim(-0.4, len(names) - 0.35)
    ax.set_xlim(0, 1.35 * max(megabases))
    ax.set_xlabel("size (Mb)")
    ax.spines["left"].set_visible(False)
    return figure
