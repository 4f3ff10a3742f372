"""What a model of cells reads: one modality, or several by name, according to its tokenizer."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from glmkit.errors import BadInput
from glmkit.tokens.cells.multimodal import CellTokenizer

if TYPE_CHECKING:
    from anndata import AnnData


def cell_inputs(tokenizer: Any, modalities: "Mapping[str, AnnData]", names: Sequence[str]) -> "AnnData | dict[str, AnnData]":
    """Cells by name, in the form that the tokenizer reads.

    Parameters
    ----------
    tokenizer
        A `RankTokenizer`, which reads RNA alone, or a `CellTokenizer`, which reads several modalities.
    modalities
        Tables of the same cells, by modality.
    names
        Names of the cells, in the order wanted.

    Returns
    -------
    anndata.AnnData or dict
        The RNA of the cells, or each modality of the cells by name.

    Raises
    ------
    BadInput
        The tokenizer reads RNA and there is none.

    Examples
    --------
    >>> import anndata, numpy as np, pandas as pd
    >>> from glmkit.tokens import RankTokenizer
    >>> counts = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
    >>> rna = anndata.AnnData(counts, obs=pd.DataFrame(index=["a", "b", "c"]), var=pd.DataFrame(index=["ENSG1", "ENSG2"]))
    >>> cell_inputs(RankTokenizer(["ENSG1", "ENSG2"], [1.0, 2.0], length=16), {"rna": rna}, ["c", "a"]).obs_names.tolist()
    ['c', 'a']
    """
    chosen = list(names)
    if isinstance(tokenizer, CellTokenizer):
        return {name: cells[chosen] for name, cells in modalities.items()}
    if "rna" not in modalities:
        raise BadInput(f"The tokenizer reads RNA, and the modalities are {', '.join(modalities) or 'none'}. Add 'rna'.")
    return modalities["rna"][chosen]
