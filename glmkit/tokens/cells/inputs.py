"""Cells as a user gives them, an AnnData or a dictionary of modalities, for any tokenizer that reads cells."""

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
        What a verb was given.

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
        An AnnData or a dictionary of them.

    Returns
    -------
    list of str
        In order.

    Raises
    ------
    BadInput
        An empty dictionary.
    """
    if isinstance(cells, Mapping):
        if not cells:
            raise BadInput("cells: expected a dictionary with a modality or more, such as {'rna': adata}, got an empty one.")
        cells = next(iter(cells.values()))
    return [str(name) for name in cells.obs_names]


def cell_ids(tokenizer: Any, cells: Any) -> Ragged:
    """Ids of cells, each of which has some.

    Parameters
    ----------
    tokenizer
        A RankTokenizer, which takes the RNA, or a CellTokenizer.
    cells
        An AnnData of raw counts, or a dictionary of the modalities of the same cells.

    Returns
    -------
    Ragged
        One item a cell.

    Raises
    ------
    BadInput
        The tokenizer reads no cells, there is no RNA where it reads nothing else, or a cell has no token.
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
            f"{len(empty)} of {len(names)} cells have no token, the first {first}: none of the genes that the model knows was "
            "counted in them. Leave these cells out, or see whether the gene names are those that the model was trained on."
        )
    return ragged
