"""Cells as input of functions: an AnnData or a dictionary of modalities, for any tokenizer of cells."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.tokens.ragged import Ragged

RNA = "rna"


def are_cells(inputs: Any) -> bool:
    """Whether inputs are cells: an AnnData, or a dictionary of them.

    Parameters
    ----------
    inputs
        Inputs of a function: cells, or a list of sequences.

    Returns
    -------
    bool
        False for a list of sequences.
    """
    return hasattr(inputs, "obs_names") or isinstance(inputs, Mapping)


def cell_names(cells: Any) -> list[str]:
    """The names of cells.

    Parameters
    ----------
    cells
        AnnData, or a dictionary of AnnData by modality.

    Returns
    -------
    list of str
        Names in the order of the cells.

    Raises
    ------
    BadInput
        The dictionary is empty.
    """
    if isinstance(cells, Mapping):
        if not cells:
            raise BadInput("cells: expected a dictionary with a modality or more, such as {'rna': adata}, got an empty one.")
        cells = next(iter(cells.values()))
    return [str(name) for name in cells.obs_names]


def cell_ids(tokenizer: Any, cells: Any) -> Ragged:
    """Ids of cells, checked to have at least one token per cell.

    Parameters
    ----------
    tokenizer
        RankTokenizer, which uses the RNA, or CellTokenizer.
    cells
        AnnData of raw counts, or a dictionary of AnnData of the same cells by modality.

    Returns
    -------
    Ragged
        Ids, one item per cell.

    Raises
    ------
    BadInput
        The tokenizer is not one of cells, the RNA is missing for a tokenizer of RNA, or a cell has no token.
    """
    if not hasattr(tokenizer, "encode_cells"):
        raise BadInput(
            f"The model's tokenizer ({type(tokenizer).__name__}) reads sequences, got cells. Give a list of sequences, or load a "
            "model of cells."
        )
    names = cell_names(cells)
    if isinstance(cells, Mapping) and not hasattr(tokenizer, "modalities"):
        if RNA not in cells:
            raise BadInput(f"cells: the model's tokenizer reads {RNA!r} alone, got {', '.join(map(repr, cells))}.")
        cells = cells[RNA]
    ragged = tokenizer.encode_cells(cells)
    empty = np.flatnonzero(np.diff(ragged.offsets) == 0)
    if len(empty):
        first = ", ".join(repr(names[i]) for i in empty[:3])
        raise BadInput(
            f"{len(empty)} of {len(names)} cells have no token, the first {first}: none of the genes of the model's vocabulary "
            "was counted in them. Leave these cells out, or check that the gene names are those that the model was trained on."
        )
    return ragged
