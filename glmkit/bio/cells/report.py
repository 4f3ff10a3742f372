"""The read report of cells, stored in ``uns["glmkit"]["read"]``, as plain Python values."""

from typing import TYPE_CHECKING, Any

import numpy as np

from glmkit.errors import BadInput

if TYPE_CHECKING:
    from anndata import AnnData


def cell_report(adata: "AnnData") -> dict[str, Any]:
    """The report of how cells were read.

    Parameters
    ----------
    adata
        Cells from :func:`glmkit.bio.read_cells`, also after writing and reading by anndata.

    Returns
    -------
    dict
        File, format, modality, matrix of the counts, numbers of cells and features, dropped empty cells, report on genes, and
        remarks. Values are numbers, strings, lists and dictionaries only.

    Raises
    ------
    BadInput
        The cells were not read by :func:`glmkit.bio.read_cells`.

    Examples
    --------
    >>> from glmkit.acquire import sample
    >>> from glmkit.bio import read_cells
    >>> about = cell_report(read_cells(sample("pbmc68k")))
    >>> about["counts"], about["cells"], about["features"]
    ('X', 700, 765)
    >>> about["genes"]["known"]
    754
    """
    about = adata.uns.get("glmkit", {}).get("read")
    if about is None:
        raise BadInput("These cells have no read report in uns['glmkit']['read']. Read them with glmkit.bio.read_cells.")
    plain: dict[str, Any] = _plain(about)
    return plain


def _plain(value: Any) -> Any:
    if hasattr(value, "items"):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value
