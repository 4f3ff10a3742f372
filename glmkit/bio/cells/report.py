"""What a reader did: the account kept in ``uns["glmkit"]["read"]``, as plain values."""

from typing import TYPE_CHECKING, Any

import numpy as np

from glmkit.errors import BadInput

if TYPE_CHECKING:
    from anndata import AnnData


def cell_report(adata: "AnnData") -> dict[str, Any]:
    """The account of how cells were read.

    Parameters
    ----------
    adata
        What :func:`glmkit.bio.read_cells` gave, also after it was written and read again by anndata.

    Returns
    -------
    dict
        File, format, modality, the matrix that held the counts, cells and features, empty cells dropped, a report on genes,
        remarks; numbers, strings, lists and dictionaries only.

    Raises
    ------
    BadInput
        The cells were not read by :func:`glmkit.bio.read_cells`.
    """
    about = adata.uns.get("glmkit", {}).get("read")
    if about is None:
        raise BadInput("These cells carry no account of how they were read. Read them with glmkit.bio.read_cells.")
    plain: dict[str, Any] = _plain(about)
    return plain


def _plain(value: Any) -> Any:
    if hasattr(value, "items"):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value
