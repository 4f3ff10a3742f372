"""How many of the likeliest predicted contacts of a protein are contacts.

The field's figure is the precision of the L best pairs at sequence separation of 24 or more, for a protein of L residues; a
contact is a pair of Cβ atoms (Cα of glycine) within 8 Å. Report it a protein, then average over proteins.

References
----------
Monastyrskyy B et al. (2014). Evaluation of residue-residue contact prediction in CASP10. Proteins 82, 138-153.
"""

import numpy as np

from glmkit.errors import BadInput


def precision_at_L(predicted: np.ndarray, true: np.ndarray, k: float = 1.0, separation: int = 24) -> float:
    """Precision of the ``k * L`` likeliest pairs.

    Parameters
    ----------
    predicted
        (L, L): higher is likelier; pairs are read above the diagonal.
    true
        (L, L): bool, or 0 and 1, with NaN where the structure does not say; such pairs are left out.
    k
        1 for L pairs, 0.2 for L/5.
    separation
        Least difference j - i of a pair.

    Returns
    -------
    float
        In [0, 1]. Where fewer pairs than ``k * L`` can be judged, all of them count. Ties go to the pair that comes first.

    Raises
    ------
    BadInput
        Maps that are not square or differ in shape, values that are no labels, NaN predictions, or no pair to judge.
    """
    scores, labels = np.asarray(predicted, dtype=np.float64), np.asarray(true, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1] or scores.shape != labels.shape:
        raise BadInput(f"Expected two maps (L, L) of one protein, got predicted {scores.shape} and true {labels.shape}.")
    if not np.isin(labels[~np.isnan(labels)], (0, 1)).all():
        raise BadInput("true: expected 0, 1 or NaN. Make contacts of distances first: distance < 8.")
    if k <= 0 or separation < 1:
        raise BadInput(f"Expected k above 0 and separation of 1 or more, got k={k} and separation={separation}.")
    rows, columns = np.triu_indices(len(scores), separation)
    judged = ~np.isnan(labels[rows, columns])
    ranked, hits = scores[rows, columns][judged], labels[rows, columns][judged]
    if not len(ranked):
        raise BadInput(
            f"No pair of this protein of {len(scores)} residues is {separation} or more apart and known. Lower separation, or leave it out."
        )
    if np.isnan(ranked).any():
        raise BadInput("predicted: a pair to judge is NaN. Give every pair a number.")
    best = np.argsort(-ranked, kind="stable")[: max(1, int(k * len(scores)))]
    return float(hits[best].mean())
