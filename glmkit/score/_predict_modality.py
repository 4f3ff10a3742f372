"""What a model of cells expects a modality to be where it was not measured: proteins or peaks from the rest of the cell.

The panel's values are all hidden at once, so that none helps to guess another, and at each feature's unknown token the model's
distribution is read over that feature's own bins alone. The expected value is the mean of the bins' centres under it, in the
units of the panel's normalised values. It needs no training beyond the language model's, which must have seen cells without the
panel (``MaskedLanguageModel(missing=...)``); a Regressor fine-tuned on the values is another way, and ridge regression on
principal components the floor that both must pass, which on a few hundred cells they may not.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.score.windows.batches import BATCH_TOKENS, by_budget, encode, evaluating, first_letters, packed
from glmkit.tokens.cells import cell_names

if TYPE_CHECKING:
    import pandas as pd


def predict_modality(model: Any, cells: Any, name: str, *, batch_tokens: int = BATCH_TOKENS) -> "pd.DataFrame":
    """Expected values of a panel's features, from the other modalities.

    Parameters
    ----------
    model
        A masked LanguageModel over a CellTokenizer; it is left in the mode it was in.
    cells
        An AnnData of raw counts, or a dictionary of the modalities of the same cells. If the panel's own is among them, it is
        not looked at.
    name
        Of the panel, such as ``protein``.
    batch_tokens
        Tokens of a batch: memory against speed, never the result.

    Returns
    -------
    pandas.DataFrame
        Float64 (cells, features), in the units of `glmkit.tokens.Panel.values`.

    Raises
    ------
    BadInput
        The model is no masked language model over panels, has none of that name, or nothing else of the cells was given.
    """
    import pandas as pd
    import torch

    tokenizer = model.tokenizer
    if not hasattr(tokenizer, "panels") or not hasattr(model, "logits") or model.causal:
        raise BadInput(
            f"predict_modality needs a masked LanguageModel over a CellTokenizer, got a {type(model).__name__} over a "
            f"{type(tokenizer).__name__}."
        )
    panel = tokenizer.panel(name)
    if isinstance(cells, Mapping):
        cells = {modality: adata for modality, adata in cells.items() if modality != name}
        if not cells:
            raise BadInput(f"cells: expected another modality than {name!r}, which is what is to be predicted; got no other.")
    ids = encode(model, cells)
    candidates, wrong, centres = _choices(tokenizer, name)
    here = np.arange(len(panel.features)) + tokenizer.place_of(name)
    result = np.empty((len(ids), len(panel.features)))
    with evaluating(model):
        for batch in by_budget([len(item) for item in ids], batch_tokens):
            tokens, boundaries = packed(model, (ids[j] for j in batch))
            look = np.concatenate([start + here for start in first_letters(model, boundaries)])
            hidden = model.network(tokens, boundaries, torch.from_numpy(look).to(tokens.device))
            asked = torch.from_numpy(np.tile(candidates, (len(batch), 1))).to(tokens.device)
            logits = model.head(hidden, model.network.embedding.weight, asked).double().cpu().numpy()
            result[batch] = _expected(logits.reshape(len(batch), *candidates.shape), wrong, centres)
    return pd.DataFrame(result, index=cell_names(cells), columns=list(panel.features))


def _choices(tokenizer: Any, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each feature the ids of its bins, which of these only fill the row, and the bins' centres: (features, most bins) each."""
    panel, begin = tokenizer.panel(name), tokenizer.panel_ids(name)[0]
    step = np.arange(panel.bins.max())
    wrong = step >= panel.bins[:, None]
    candidates = begin + panel.starts[:-1, None] + 1 + np.where(wrong, 0, step)
    centres = np.zeros(wrong.shape)
    for feature, values in enumerate(panel.centres):
        centres[feature, : len(values)] = values
    return candidates, wrong, centres


def _expected(logits: np.ndarray, wrong: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Mean of the centres under the softmax of the logits (cells, features, bins)."""
    logits = np.where(wrong, -np.inf, logits)
    odds = np.exp(logits - logits.max(-1, keepdims=True))
    return (odds * centres).sum(-1) / odds.sum(-1)
