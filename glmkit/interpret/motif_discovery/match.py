"""Comparison of discovered with known motifs by Tomtom, as implemented in memelite.

Two motifs are aligned at every offset and on both strands. The best sum of column similarities is compared with that of random
columns of the known motifs (Gupta 2007). This null distribution needs many columns. A small set of known motifs is therefore
supplemented, for the null only, with random motifs of the same lengths from a fixed seed; matches to these are never reported.

memelite compiles at its first call, for about a minute on one core. If its folder is writable, this occurs once per installation.

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

_ENOUGH = 100  # minimum number of motifs for the null distribution
_SHARPNESS = 0.25  # concentration of the Dirichlet distribution of random columns: most have one dominant letter


def match_motifs(found: Sequence[Motif], known: Sequence[Motif], *, most: int = 5) -> pd.DataFrame:
    """Most similar known motifs of each discovered motif.

    Parameters
    ----------
    found
        One or more motifs, as from :func:`glmkit.interpret.motifs`.
    known
        One or more motifs, as from :func:`glmkit.interpret.motif_discovery.read_motifs`.
    most
        Maximum number of matches per discovered motif.

    Returns
    -------
    pandas.DataFrame
        One row per discovered motif and match, best first. Columns: ``motif``, ``match``, ``p`` (of the best offset and strand),
        ``q`` (Benjamini and Hochberg over all pairs), ``offset`` (start of the discovered motif in the match on that strand;
        negative if before it), ``overlap`` (positions) and ``strand`` (- if similar to the reverse complement of the match). Its
        ``attrs`` give the number of random motifs in the null.

    Raises
    ------
    BadInput
        No motifs to compare, or `most` below 1.
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
    """Frequencies (length, 4) of `count` random motifs; `lengths` are used in turn."""
    rng = np.random.default_rng(0)
    return [rng.dirichlet([_SHARPNESS] * 4, lengths[number % len(lengths)]) for number in range(count)]
