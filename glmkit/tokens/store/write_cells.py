"""From cells to a token store: a block of cells in memory at a time, whatever the size of the corpus.

Tokens go straight into the store's files, which is where Geneformer's own preparation spends most of its time (it builds lists of
Python numbers first). Cells without a token, of which a model could learn nothing, are left out and counted.
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
    """Encode cells into a token store, in their order, one item a cell, named by its obs_name.

    Parameters
    ----------
    folder
        The store's folder; an older one is replaced when, and only when, the new one is complete.
    cells
        An AnnData with raw counts in X (or modalities of the same cells by name, if the tokenizer reads these), a path, or any
        iterable of AnnData and paths, also one that makes them as it goes.
    tokenizer
        A :class:`RankTokenizer`, or another with ``encode_cells``.
    chunk
        Cells at a time.
    total
        Column of obs with the counts of each cell, for rank tokens; the sum over all genes of X if None.
    report
        Counts ``cell_without_tokens``.
    read
        Opens a path; ``read_cells(path, "rna", backed=True)`` if None.

    Raises
    ------
    BadInput
        No cell with tokens, two cells of one name, no known genes, or values that are no raw counts; the file is in a note.
    ResourceError
        The disk is full or `folder` cannot be written; nothing partial is left.
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
    """Names and tokens of the next cells."""
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
