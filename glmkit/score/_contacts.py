"""Residue contacts read from attention: the protein model's heads look at what touches.

Attention weights of all layers and heads, special tokens dropped, are symmetrised and corrected for the average of their row and
column (average product correction, a_ij - a_i. a_.j / a_..), and a logistic regression over layers and heads gives the
probability of a contact (Rao et al. 2021). ESM-2's checkpoints carry that regression; for another model it is fitted on a
few proteins of known structure, as the paper did with 20: L1 penalty, pairs 6 or more apart.

References
----------
Rao R et al. (2021). Transformer protein language models are unsupervised structure learners. ICLR. doi:10.1101/2020.12.15.422761.
Dunn SD et al. (2008). Mutual information without the influence of phylogeny or entropy dramatically improves residue contact
prediction. Bioinformatics 24, 333-340 (average product correction).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.score.windows.batches import encode, evaluating, packed

SEPARATION = 6  # closer pairs touch anyway, and were left out when ESM's regression was fitted


def contacts(model: Any, sequence: str | np.ndarray, head: Any = None) -> np.ndarray:
    """Probability that two residues touch (Cβ within 8 Å).

    Parameters
    ----------
    model
        A LanguageModel on a Transformer; it is left in the mode it was in.
    sequence
        A protein, or its ids.
    head
        What `fit_contact_head` gave; None for the checkpoint's own.

    Returns
    -------
    numpy.ndarray
        float32 (L, L), symmetric. Pairs less than 6 apart were not fitted: leave them out of figures.

    Raises
    ------
    BadInput
        Neither the model nor the caller has a head, the head was fitted on another shape of model, the model has no attention,
        or the sequence is longer than its context.
    """
    import torch

    head = getattr(model, "contact_head", None) if head is None else head
    if head is None:
        raise BadInput(
            "This model has no contact head: only ESM's checkpoints carry one. Fit one on proteins of known structure with "
            "fit_contact_head(model, sequences, contact_maps) and pass it as head=."
        )
    features = attention_features(model, sequence)
    wanted = head.weight.numel()
    if wanted != len(features):
        raise BadInput(
            f"head: it weighs {wanted} attention heads, but the model has {len(features)} (layers times heads). "
            "Fit it on this model."
        )
    with torch.no_grad():
        weight, bias = head.weight.detach().float().reshape(-1), head.bias.detach().float()
        logits = torch.tensordot(weight, features.to(weight.device), dims=1) + bias
        return torch.sigmoid(logits).cpu().numpy()


def attention_features(model: Any, sequence: str | np.ndarray) -> Any:
    """Symmetrised, corrected attention of one sequence.

    Parameters
    ----------
    model
        A LanguageModel on a Transformer.
    sequence
        A protein, or its ids.

    Returns
    -------
    torch.Tensor
        float32 (layers * heads, L, L), on the model's device.

    Raises
    ------
    BadInput
        The model has no attention, or the sequence is longer than its context.
    """
    if not hasattr(model.network, "attentions"):
        raise BadInput(
            f"Contacts are read from attention, which {type(model.network).__name__} does not have. Use a Transformer."
        )
    ids = encode(model, [sequence])[0]
    before, after = len(model.tokenizer.prefix), len(model.tokenizer.suffix)
    if len(ids) + before + after > model.context:
        raise BadInput(
            f"sequence: {len(ids)} residues are more than the model reads at once ({model.context - before - after}). "
            "Cut it into domains."
        )
    with evaluating(model):
        tokens, boundaries = packed(model, [ids])
        attention = model.network.attentions(tokens, boundaries)[0].float()
    inner = slice(before, before + len(ids))
    return corrected(symmetric(attention.flatten(0, 1)[:, inner, inner]))


def symmetric(maps: Any) -> Any:
    """Each map (..., L, L) plus its transpose."""
    return maps + maps.transpose(-1, -2)


def corrected(maps: Any) -> Any:
    """Each map (..., L, L) less what its rows' and columns' averages explain: the average product correction."""
    rows, columns = maps.sum(-1, keepdim=True), maps.sum(-2, keepdim=True)
    return maps - rows * columns / maps.sum((-1, -2), keepdim=True)


def fit_contact_head(
    model: Any,
    sequences: Sequence[str],
    contact_maps: Sequence[np.ndarray],
    C: float = 0.15,
    separation: int = SEPARATION,
) -> Any:
    """Fit the logistic regression from attention to contacts.

    Parameters
    ----------
    model
        A LanguageModel on a Transformer.
    sequences
        Proteins; 20 were enough for ESM.
    contact_maps
        Of each, (L, L): bool, or 0 and 1, with NaN where the structure does not say; such pairs are left out.
    C
        Inverse strength of the L1 penalty; 0.15 in the paper.
    separation
        Least difference of two residues' positions.

    Returns
    -------
    torch.nn.Linear
        ``layers * heads`` to 1, on the model's device. Assign it to ``model.contact_head`` to save it with the model.

    Raises
    ------
    BadInput
        Maps that do not fit the sequences, no pair to learn from, or pairs that are all or none contacts.
    """
    import torch
    from sklearn.linear_model import LogisticRegression

    if len(sequences) != len(contact_maps) or not len(sequences):
        raise BadInput(f"Expected a map for each of one or more sequences, got {len(sequences)} and {len(contact_maps)} maps.")
    rows, labels = [], []
    for place, (sequence, true) in enumerate(zip(sequences, contact_maps, strict=True)):
        features, truth = attention_features(model, sequence).cpu().numpy(), np.asarray(true, dtype=np.float64)
        if truth.shape != features.shape[1:]:
            raise BadInput(f"contact_maps[{place}]: expected {features.shape[1:]} for its sequence, got {truth.shape}.")
        if not np.isin(truth[~np.isnan(truth)], (0, 1)).all():
            raise BadInput(f"contact_maps[{place}]: expected 0, 1 or NaN. Make contacts of distances first: distance < 8.")
        i, j = np.triu_indices(len(truth), separation)
        known = ~np.isnan(truth[i, j])
        rows.append(features[:, i[known], j[known]].T)
        labels.append(truth[i, j][known].astype(np.int64))
    y = np.concatenate(labels)
    if len(np.unique(y)) < 2:
        raise BadInput(
            f"Expected pairs {separation} or more apart of both kinds, got {len(y)} pairs with {int(y.sum())} contacts."
        )
    fitted = LogisticRegression(l1_ratio=1.0, C=C, solver="liblinear", random_state=0).fit(np.concatenate(rows), y)
    head = torch.nn.Linear(fitted.coef_.shape[1], 1)
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(fitted.coef_))
        head.bias.copy_(torch.from_numpy(fitted.intercept_))
    return head.to(model.device).requires_grad_(False)
