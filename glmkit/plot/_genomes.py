"""Bar chart of genome sizes and GC contents."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from glmkit.plot.style import CYCLE, GREY, new_figure


def genomes(names: Sequence[str], megabases: Sequence[float], gc: Sequence[float], roles: Sequence[str]) -> Figure:
    """One bar per genome, coloured by role and labelled with size and GC content.

    Parameters
    ----------
    names
        Names of the organisms, (n,).
    megabases
        Genome sizes in megabases, (n,).
    gc
        Fraction of G and C among known bases, (n,), in [0, 1].
    roles
        Use of each genome (training or test, for example), (n,).

    Returns
    -------
    matplotlib.figure.Figure
        First genome on top.

    Examples
    --------
    >>> from glmkit.plot import genomes
    >>> genomes(["E. coli", "B. subtilis"], [4.64, 4.22], [0.508, 0.435], ["train", "test"])
    <Figure size ... with 1 Axes>
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
