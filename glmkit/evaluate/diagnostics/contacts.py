"""Precision of the most probable predicted contacts of a protein.

The standard figure is the precision of the L best pairs at a sequence separation of 24 or more, for a protein of L residues. A contact
is a pair of Cβ atoms (Cα of glycine) within 8 Å. Report it for each protein, then average over proteins.

References
----------
Monastyrskyy B et al. (2014). Evaluation of residue-residue contact prediction in CASP10. Proteins 82, 138-153.
"""

import numpy as np

from glmkit.errors import BadInput


def precision_at_L(predicted: np.ndarray, true: np.ndarray, k: float = 1.0, separation: int = 24) -> float:
    """Precision of the ``k * L`` most probable pairs.

    Parameters
    ----------
    predicted
        Scores, float (L, L), higher for more probable contacts; only pairs above the diagonal are used.
    true
        Contacts, (L, L): bool, or 0 and 1, with NaN where the structure is unresolved; such pairs are left out.
    k
        Number of pairs as a multiple of L, above 0: 1 for L pairs, 0.2 for L/5.
    separation
        Least difference j - i of a pair, 1 or more.

    Returns
    -------
    float
        Precision in [0, 1]. If fewer than ``k * L`` pairs are known, all of them count. Ties go to the first pair.

    Raises
    ------
    BadInput
        Maps that are not square or differ in shape, values that are no labels, NaN predictions, or no known pair.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.evaluate.diagnostics import precision_at_L
    >>> true = np.abs(np.subtract.outer(np.arange(10), np.arange(10))) == 4
    >>> precision_at_L(true + 0.0, true, k=0.5, separation=3)
    1.0
    """
    scores, labels = np.asarray(predicted, dtype=np.float64), np.asarray(true, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1] or scores.shape != labels.shape:
        raise BadInput(f"Expected two maps (L, L) of one protein, got predicted {scores.shape} and true {labels.shape}.")
    if not np.isin(labels[~np.isnan(labels)], (0, 1)).all():
        raise BadInput("true: expected 0, 1 or NaN. Make contacts of distances first: distance < 8.")
    if k <= 0 or separation < 1:
        raise BadInput(f"Expected k above 0 and separation of 1 or more, got k={k} and separation={separation}.")
    rows, columns = np.triu_indices(len(scores), separation)
    known = ~np.isnan(labels[rows, columns])
    ranked, hits = scores[rows, columns][known], labels[rows, columns][known]
    if not len(ranked):
        raise BadInput(
            f"No pair of this protein of {len(scores)} residues is {separation} or more apart and known. Lower separation, or leave it out."
        )
    if np.isnan(ranked).any():
        raise BadInput("predicted: a pair with known label is NaN. Give every pair a number.")
    best = np.argsort(-ranked, kind="stable")[: max(1, int(k * len(scores)))]
    return float(hits[best].mean())
