"""Which known motif a found one is: Tomtom's comparison, by memelite.

Two motifs are laid over each other at every offset and on both strands, and the best sum of column similarities is compared with
what columns of the known motifs give at random (Gupta 2007). That null needs many columns. A file with few motifs is therefore
filled up, for the null alone, with random motifs of the same lengths from a fixed seed; a match with one of these is never
reported.

memelite compiles itself at its first call: about a minute on one core, once an installation (nothing where its folder can be
written and it ran before).

References
----------
Gupta S et al. (2007). Quantifying similarity between motifs. Genome Biology 8, R24.
Schreiber J (2025). memesuite-lite. https://github.com/jmschrei/memesuite-lite
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from glmkit.errors import BadInput
from glmkit.interpret.motif_discovery.motif import Motif

_ENOUGH = 100  # motifs behind the null
_SHARPNESS = 0.25  # of the Dirichlet distribution that random columns come from: most have one strong letter


def match_motifs(found: Sequence[Motif], known: Sequence[Motif], *, most: int = 5) -> pd.DataFrame:
    """The known motifs that each found one is most like.

    Parameters
    ----------
    found
        One or more, as from :func:`glmkit.interpret.motifs`.
    known
        One or more, as from :func:`glmkit.interpret.motif_discovery.read_motifs`.
    most
        Rows for each found motif.

    Returns
    -------
    pandas.DataFrame
        One row a found motif and match, best first: ``motif``, ``match``, ``p`` (of the best offset and strand), ``q`` (Benjamini
        and Hochberg over all known motifs and all found ones), ``offset`` (position of the match, read on that strand, at which
        the found motif begins; below 0 where it begins before), ``overlap`` (positions) and ``strand`` (- where the found motif
        is like the match's reverse complement). Its ``attrs`` say how many random motifs filled up the null.

    Raises
    ------
    BadInput
        Nothing to compare, or fewer than one row a motif asked for.
    """
    if not len(found) or not len(known) or most < 1:
        raise BadInput("match_motifs: expected at least one found motif, one known motif and most=1 or more.")
    from memelite import tomtom
    from scipy.stats import false_discovery_control

    filled = _random_motifs(max(0, _ENOUGH - len(known)), [len(motif) for motif in known])
    targets = [np.ascontiguousarray(frequencies.T) for frequencies in [*(motif.frequencies for motif in known), *filled]]
    queries = [np.ascontiguousarray(motif.frequencies.T) for motif in found]
    p, _, offsets, overlaps, strands = (table[:, : len(known)] for table in tomtom(queries, targets))
    p = np.clip(p, 0.0, 1.0)
    q = false_discovery_control(p.ravel()).reshape(p.shape)
    rows = []
    for number, motif in enumerate(found):
        for best in np.argsort(p[number], kind="stable")[:most].tolist():
            place = (int(offsets[number, best]), int(overlaps[number, best]), "-" if strands[number, best] else "+")
            rows.append((motif.name, known[best].name, p[number, best], q[number, best], *place))
    table = pd.DataFrame(rows, columns=["motif", "match", "p", "q", "offset", "overlap", "strand"])
    table.attrs["random motifs in the null"] = len(filled)
    return table


def _random_motifs(count: int, lengths: Sequence[int]) -> list[np.ndarray]:
    """Frequencies (length, 4) of `count` motifs, lengths in turn."""
    rng = np.random.default_rng(0)
    return [rng.dirichlet([_SHARPNESS] * 4, lengths[number % len(lengths)]) for number in range(count)]
