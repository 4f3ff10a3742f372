"""Encoding of cells into a token store, with one block of cells in memory at a time.

Tokens are written directly to the files of the store. (Geneformer's own preparation spends most of its time on lists of
Python numbers.) Cells without a token are dropped and counted.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glmkit.bio import DataReport
from glmkit.tokens.cells.csr_blocks import CHUNK, Cells, Read, each_part, noted
from glmkit.tokens.cells.rank import RankTokenizer
from glmkit.tokens.ragged import Ragged
from glmkit.tokens.store.token_store import TokenStore

if TYPE_CHECKING:
    from anndata import AnnData


def write_cell_tokens(
    folder: str | Path,
    cells: "Cells | Mapping[str, AnnData]",
    tokenizer: Any,
    chunk: int = CHUNK,
    *,
    total: str | None = None,
    report: DataReport | None = None,
    read: Read | None = None,
) -> TokenStore:
    """Encode cells into a token store, one item per cell, in order and named by ``obs_names``.

    Parameters
    ----------
    folder
        Folder of the store; an older store is replaced only after the new one is complete.
    cells
        AnnData with raw counts in X (or AnnData of the same cells by modality, if the tokenizer accepts these), a path, or an
        iterable of AnnData and paths, which may be a generator.
    tokenizer
        Tokenizer with a method ``encode_cells``, such as :class:`RankTokenizer` or :class:`CellTokenizer`.
    chunk
        Number of cells per block.
    total
        Column of obs with the total counts of each cell, for rank tokens; the sum over all genes of X if None.
    report
        Report to which ``cell_without_tokens`` is added.
    read
        Function that opens a path; ``read_cells(path, "rna", backed=True)`` if None.

    Returns
    -------
    TokenStore
        The written store, open.

    Raises
    ------
    BadInput
        No cell has tokens, two cells have one name, no genes are known, or values are not raw counts; a note names the file.
    ResourceError
        The disk is full or `folder` cannot be written; no partial store remains.

    Examples
    --------
    >>> import tempfile
    >>> from anndata import AnnData
    >>> cells = AnnData(np.array([[1, 0, 5], [0, 2, 1]], dtype=np.float32))
    >>> cells.var_names = ["GENE1", "GENE2", "GENE3"]
    >>> tokenizer = RankTokenizer(cells.var_names, [1.0, 1.0, 1.0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = write_cell_tokens(Path(folder, "store"), cells, tokenizer)
    ...     print([tokenizer.decode(store[i]) for i in range(len(store))])
    ['GENE3 GENE1', 'GENE2 GENE3']
    """
    return TokenStore.write(folder, _items(cells, tokenizer, chunk, total, report, read), tokenizer)


def _items(
    cells: "Cells | Mapping[str, AnnData]",
    tokenizer: Any,
    chunk: int,
    total: str | None,
    report: DataReport | None,
    read: Read | None,
) -> Iterator[tuple[str, np.ndarray, None]]:
    parts: Any = [("", cells)] if isinstance(cells, Mapping) else each_part(cells, read)
    for where, part in parts:
        with noted(where):
            for names, block in _blocks(part, tokenizer, chunk, total):
                if report is not None:
                    report.count("cell_without_tokens", 0, of=len(names))
                for index, name in enumerate(names):
                    if block.offsets[index] < block.offsets[index + 1]:
                        yield name, block.item(index), None
                    elif report is not None:
                        report.count("cell_without_tokens", where=name)


def _blocks(part: Any, tokenizer: Any, chunk: int, total: str | None) -> Iterator[tuple[Sequence[str], Ragged]]:
    """Names and tokens of each block of cells."""
    if isinstance(tokenizer, RankTokenizer):
        start = 0
        for block in tokenizer.encode_blocks(part, chunk, total=total):
            stop = start + len(block.lengths)
            yield part.obs_names[start:stop], block
            start = stop
        return
    names = (next(iter(part.values())) if isinstance(part, Mapping) else part).obs_names
    for start in range(0, len(names), chunk):
        rows = slice(start, start + chunk)
        piece = {key: value[rows] for key, value in part.items()} if isinstance(part, Mapping) else part[rows]
        yield names[rows], tokenizer.encode_cells(piece)
