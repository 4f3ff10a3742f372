"""Prediction of residue contacts from the attention maps of a protein language model.

Attention weights of all layers and heads, without special tokens, are symmetrised. The average of each row and column is then
removed (average product correction, a_ij - a_i. a_.j / a_..). A logistic regression over layers and heads gives the probability
of a contact (Rao et al. 2021). ESM-2 checkpoints include that regression. For another model it is fitted on a few proteins of
known structure (20 in the paper), with an L1 penalty and pairs 6 or more residues apart.

References
----------
Rao R et al. (2021). Transformer protein language models are unsupervised structure learners. ICLR. doi:10.1101/2020.12.15.422761.
Dunn SD et al. (2008). Mutual information without the influence of phylogeny or entropy dramatically improves residue contact
prediction. Bioinformatics 24, 333-340 (average product correction).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.score.windows.batches import encode, evaluating, packed

if TYPE_CHECKING:
    from glmkit.models import TokenModel

SEPARATION = 6  # closer pairs are almost always in contact, and were excluded when ESM's regression was fitted


def contacts(model: "TokenModel", sequence: str | np.ndarray, head: Any = None) -> np.ndarray:
    """Probability that two residues are in contact (Cβ within 8 Å).

    Parameters
    ----------
    model
        A LanguageModel on a Transformer; its training or evaluation mode is restored afterwards.
    sequence
        Protein sequence, or its token ids (L,).
    head
        Linear layer from :func:`fit_contact_head`; None for the one saved in the checkpoint.

    Returns
    -------
    numpy.ndarray
        float32 (L, L), symmetric, in [0, 1]. Pairs fewer than 6 residues apart were not fitted; exclude them from figures.

    Raises
    ------
    BadInput
        No contact head in the model or the call, a head fitted on a model of another shape, a model without attention, or a
        sequence longer than the context.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.models import TransformerConfig, new_model
    >>> from glmkit.score import contacts, fit_contact_head
    >>> from glmkit.tokens import make_tokenizer
    >>> config = TransformerConfig(vocabulary_size=33, width=8, layers=1, heads=2, feedforward=8)
    >>> model = new_model(config, make_tokenizer("protein"))
    >>> protein = "MKTAYIAKQRQISFVK"
    >>> known = np.abs(np.subtract.outer(range(16), range(16))) == 7  # a made-up contact map
    >>> model.contact_head = fit_contact_head(model, [protein], [known])
    >>> contacts(model, protein).shape
    (16, 16)
    """
    import torch

    head = getattr(model, "contact_head", None) if head is None else head
    if head is None:
        raise BadInput(
            "This model has no contact head: only ESM's checkpoints include one. Fit one on proteins of known structure with "
            "fit_contact_head(model, sequences, contact_maps) and pass it as head=."
        )
    features = attention_features(model, sequence)
    wanted = head.weight.numel()
    if wanted != len(features):
        raise BadInput(
            f"head: it has weights for {wanted} attention heads, but the model has {len(features)} (layers times heads). "
            "Fit it on this model."
        )
    with torch.no_grad():
        weight, bias = head.weight.detach().float().reshape(-1), head.bias.detach().float()
        logits = torch.tensordot(weight, features.to(weight.device), dims=1) + bias
        return torch.sigmoid(logits).cpu().numpy()


def attention_features(model: "TokenModel", sequence: str | np.ndarray) -> Any:
    """Attention maps of one sequence, symmetrised and with the average product correction.

    Parameters
    ----------
    model
        A LanguageModel on a Transformer.
    sequence
        Protein sequence, or its token ids (L,).

    Returns
    -------
    torch.Tensor
        float32 (layers * heads, L, L), on the model's device.

    Raises
    ------
    BadInput
        The model has no attention, or the sequence is longer than its context.

    Examples
    --------
    >>> from glmkit.models import TransformerConfig, new_model
    >>> from glmkit.score import attention_features
    >>> from glmkit.tokens import make_tokenizer
    >>> config = TransformerConfig(vocabulary_size=33, width=8, layers=1, heads=2, feedforward=8)
    >>> model = new_model(config, make_tokenizer("protein"))
    >>> tuple(attention_features(model, "MKTAYIAK").shape)
    (2, 8, 8)
    """
    if not hasattr(model.network, "attentions"):
        raise BadInput(
            f"Contacts are predicted from attention, which {type(model.network).__name__} does not have. Use a Transformer."
        )
    ids = encode(model, [sequence])[0]
    before, after = len(model.tokenizer.prefix), len(model.tokenizer.suffix)
    if len(ids) + before + after > model.context:
        raise BadInput(
            f"sequence: expected at most {model.context - before - after} residues (the model's context), got {len(ids)}. "
            "Cut the protein into domains."
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
    """Average product correction of each map (..., L, L)."""
    rows, columns = maps.sum(-1, keepdim=True), maps.sum(-2, keepdim=True)
    return maps - rows * columns / maps.sum((-1, -2), keepdim=True)


def fit_contact_head(
    model: "TokenModel",
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
        Protein sequences; 20 were used for ESM.
    contact_maps
        One array (L, L) per sequence: bool, or 0 and 1. Pairs that the structure does not resolve are NaN and excluded.
    C
        Inverse strength of the L1 penalty; 0.15 in the paper.
    separation
        Minimum distance of a pair along the sequence, in residues.

    Returns
    -------
    torch.nn.Linear
        ``layers * heads`` to 1, on the model's device. Assign it to ``model.contact_head`` to save it with the model.

    Raises
    ------
    BadInput
        Maps whose shapes do not match the sequences, no usable pair, or pairs of one class only.
    """
    import torch
    from sklearn.linear_model import LogisticRegression

    if len(sequences) != len(contact_maps) or not len(sequences):
        raise BadInput(
            f"contact_maps: expected one map per sequence, got {len(sequences)} sequences and {len(contact_maps)} maps."
        )
    rows, labels = [], []
    for place, (sequence, true) in enumerate(zip(sequences, contact_maps, strict=True)):
        features, truth = attention_features(model, sequence).cpu().numpy(), np.asarray(true, dtype=np.float64)
        if truth.shape != features.shape[1:]:
            raise BadInput(f"contact_maps[{place}]: expected {features.shape[1:]} for its sequence, got {truth.shape}.")
        if not np.isin(truth[~np.isnan(truth)], (0, 1)).all():
            raise BadInput(f"contact_maps[{place}]: expected 0, 1 or NaN. Convert distances to contacts first: distance < 8.")
        i, j = np.triu_indices(len(truth), separation)
        known = ~np.isnan(truth[i, j])
        rows.append(features[:, i[known], j[known]].T)
        labels.append(truth[i, j][known].astype(np.int64))
    y = np.concatenate(labels)
    if len(np.unique(y)) < 2:
        raise BadInput(
            f"contact_maps: expected contacts and non-contacts among pairs {separation} or more residues apart, got {len(y)} pairs "
            f"with {int(y.sum())} contacts."
        )
    fitted = LogisticRegression(l1_ratio=1.0, C=C, solver="liblinear", random_state=0).fit(np.concatenate(rows), y)
    head = torch.nn.Linear(fitted.coef_.shape[1], 1)
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(fitted.coef_))
        head.bias.copy_(torch.from_numpy(fitted.intercept_))
    return head.to(model.device).requires_grad_(False)
