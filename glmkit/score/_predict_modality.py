"""Prediction of an unmeasured modality of a cell (proteins or peaks) from the other modalities.

All values of the panel are hidden at once, so that none informs another. At each feature's unknown token the model's distribution
is restricted to that feature's bins. The prediction is the mean of the bin centres under this distribution, in the units of the
panel's normalised values. No further training is needed, but the language model must have been trained on cells without the
panel (``MaskedLanguageModel(missing=...)``). A Regressor fine-tuned on the values is an alternative. Ridge regression on
principal components is the baseline for both; with a few hundred training cells it may be better than either.
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
    """Expected values of a panel's features, given the other modalities.

    Parameters
    ----------
    model
        A masked LanguageModel over a CellTokenizer; its training or evaluation mode is restored afterwards.
    cells
        An AnnData of raw counts, or a dictionary of the modalities of the same cells. The panel's own modality is ignored.
    name
        Name of the panel, such as ``protein``.
    batch_tokens
        Maximum number of tokens per batch; affects memory and speed, not the result.

    Returns
    -------
    pandas.DataFrame
        float64 (cells, features), in the units of `glmkit.tokens.Panel.values`.

    Raises
    ------
    BadInput
        A model that is no masked language model over panels, a panel that it lacks, or no other modality.

    Examples
    --------
    >>> import anndata, numpy as np, pandas as pd
    >>> from glmkit.models import TransformerConfig, new_model
    >>> from glmkit.score import predict_modality
    >>> from glmkit.tokens import CellTokenizer, Panel, RankTokenizer
    >>> obs = pd.DataFrame(index=["cell 1", "cell 2", "cell 3"])
    >>> rna = np.array([[3, 1], [1, 2], [2, 1]], np.float32)
    >>> adt = np.array([[9, 1], [2, 7], [5, 3]], np.float32)
    >>> rna = anndata.AnnData(rna, obs=obs, var=pd.DataFrame(index=["CD3E", "CD19"]))
    >>> protein = anndata.AnnData(adt, obs=obs, var=pd.DataFrame(index=["CD3", "CD4"]))
    >>> panel = Panel.fit("protein", protein, bins=3)
    >>> tokenizer = CellTokenizer(RankTokenizer(["CD3E", "CD19"], medians=np.ones(2)), [panel])
    >>> size = len(tokenizer.vocabulary)
    >>> config = TransformerConfig(vocabulary_size=size, width=8, layers=1, heads=2, feedforward=8)
    >>> table = predict_modality(new_model(config, tokenizer), {"rna": rna}, "protein")
    >>> table.shape, list(table.columns)
    ((3, 2), ['CD3', 'CD4'])
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
            raise BadInput(f"cells: expected a modality other than {name!r}, the one to predict; got none.")
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
    """Token ids of each feature's bins, a mask of the padding, and the bin centres: (features, maximum bins) each."""
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
