"""A cell as its genes in order of expression, the rule of Geneformer (Theodoris et al., Nature 2023).

Each count is divided by the cell's total, times 10,000, divided by the gene's non-zero median over a corpus; detected genes of the
vocabulary are written from the largest value down, and the list is cut to the model's context. Dividing by the median pushes down
what every cell has (housekeeping genes) and lifts what marks a cell.

The total and the 10,000 are the same for all genes of a cell, so in exact arithmetic they cannot change its ranks. In float64 they
can: two genes whose ratios are equal may round apart, or the reverse. The same operations in the same order as the reference
therefore stay in, at a cost of a few percent. Equal values go by gene index, which is the gene's place in `genes`, not the column
of the file: a file with shuffled columns gives the same tokens. (Geneformer's own sort leaves the order of ties open.)
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.tokens.cells.csr_blocks import CHUNK, cell_totals, count_blocks
from glmkit.tokens.ragged import Ragged
from glmkit.tokens.sequences.letters import number
from glmkit.tokens.tokenizer import as_ids, canonical_hash, smallest_dtype, write_description

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy.sparse import csr_matrix

SPECIAL = {"v1": ("<pad>", "<mask>"), "v2": ("<pad>", "<mask>", "<cls>", "<eos>")}
LENGTHS = {"v1": 2048, "v2": 4096}


class RankTokenizer:
    """Genes of a cell in order of expression; the vocabulary is the special tokens and then the genes.

    Layout ``v1`` is ``<pad> <mask>`` and genes from 2, nothing around a cell; ``v2`` is ``<pad> <mask> <cls> <eos>`` and genes from
    4, with ``<cls>`` before and ``<eos>`` after each cell. As with every tokenizer, `encode` does not add those two; room for them
    is left in `length`. Where a layout has no token of a kind, its id is that of ``<pad>``; ``<unk>`` is never produced.

    Parameters
    ----------
    genes
        Ensembl ids without version (or other unique names), in the order of their ids.
    medians
        (genes,): non-zero median of each gene, normalised to 10,000 counts a cell (:func:`gene_medians`); finite and positive.
    layout
        ``v1`` or ``v2``.
    length
        Tokens of the longest cell, with those around it; 2,048 in ``v1`` and 4,096 in ``v2`` if None.
    symbols
        Symbol of each gene by its name, where known.

    Attributes
    ----------
    genes
        Name of each gene; the id of ``genes[i]`` is ``first + i``.
    medians
        float64 (genes,).
    first
        Id of the first gene.
    token_of
        Id of each gene by its name.
    symbols
        Symbol of each gene by its name, where known.

    Raises
    ------
    BadInput
        An unknown layout, no genes, a gene twice, medians of another number or not positive, or a length without room for a gene.
    """

    kind = "rank"
    bases_per_token: float | int | None = None

    def __init__(
        self,
        genes: Sequence[str],
        medians: Any,
        *,
        layout: str = "v1",
        length: int | None = None,
        symbols: Mapping[str, str] | None = None,
    ) -> None:
        if layout not in SPECIAL:
            raise BadInput(f"Unknown layout {layout!r} of rank tokens. Expected one of {', '.join(SPECIAL)}.")
        self.layout, self.genes = layout, tuple(map(str, genes))
        self.medians = _check_medians(self.genes, medians)
        special = SPECIAL[layout]
        self.first = len(special)
        self.vocabulary = (*special, *self.genes)
        ids = number(self.vocabulary)
        self.token_of = {gene: ids[gene] for gene in self.genes}
        self.pad_id, self.mask_id = 0, 1
        self.unk_id = self.pad_id
        self.bos_id, self.eos_id = ids.get("<cls>", self.pad_id), ids.get("<eos>", self.pad_id)
        self.prefix: tuple[int, ...] = (2,) if layout == "v2" else ()
        self.suffix: tuple[int, ...] = (3,) if layout == "v2" else ()
        self.length = LENGTHS[layout] if length is None else int(length)
        if self.length <= len(self.prefix) + len(self.suffix):
            raise BadInput(
                f"A length of {self.length} leaves no room for a gene. Layout {layout} needs at least {self.first - 1}."
            )
        self.dtype = smallest_dtype(len(self.vocabulary))
        self.maskable = np.arange(len(self.vocabulary)) >= self.first
        self.symbols = {gene: str((symbols or {})[gene]) for gene in self.genes if gene in (symbols or {})}
        self.hash = canonical_hash(self._description())

    def _description(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "layout": self.layout,
            "length": self.length,
            "genes": list(self.genes),
            "medians": self.medians.tolist(),
            "symbols": self.symbols,
        }

    def encode(self, counts: np.ndarray, total: float | None = None) -> np.ndarray:
        """Ids of one cell.

        Parameters
        ----------
        counts
            (genes,): raw counts in the order of ``tokenizer.genes``.
        total
            Counts of the cell over all genes of its file, which the vocabulary may not hold all of; the sum of `counts` if None.

        Returns
        -------
        numpy.ndarray
            (detected genes,), at most `length` less what stands around a cell; from the highest value down.

        Raises
        ------
        BadInput
            Another number of counts; or negative, missing or fractional ones.
        """
        from scipy.sparse import csr_matrix

        array = np.asarray(counts)
        if array.shape != (len(self.genes),):
            raise BadInput(
                f"Expected counts of shape ({len(self.genes)},), one a gene of the tokenizer, got {array.shape}. "
                "Use encode_cells for an AnnData: it finds the genes by name."
            )
        totals = np.empty(0) if total is None else np.array([total], np.float64)
        return self._rank(
            csr_matrix(array[None]), np.arange(len(self.genes), dtype=np.int32), totals, ["(given)"], self.genes
        ).ids

    def encode_cells(self, adata: "AnnData", chunk: int = CHUNK, *, total: str | None = None) -> Ragged:
        """Ids of every cell of an AnnData, in its order.

        Parameters
        ----------
        adata
            Cells × genes, raw counts in X (dense, CSR or CSC, in memory or backed); var_names are matched with `genes`. Genes
            outside the vocabulary count towards the cells' totals and have no tokens.
        chunk
            Cells at a time.
        total
            Column of obs with the counts of each cell, for a file that lost genes; the sum over all genes of X if None.

        Returns
        -------
        Ragged
            Ids, and int64 offsets (cells + 1,); a cell without a gene of the vocabulary is empty.

        Raises
        ------
        BadInput
            No gene of the vocabulary in var_names, one of them twice, or values that are no raw counts (cell and gene are named).
        """
        return Ragged.join(self.encode_blocks(adata, chunk, total=total), self.dtype)

    def encode_blocks(self, adata: "AnnData", chunk: int = CHUNK, *, total: str | None = None) -> Iterator[Ragged]:
        """The same as :meth:`encode_cells`, a block of cells at a time.

        Parameters
        ----------
        adata, chunk, total
            As in :meth:`encode_cells`.

        Yields
        ------
        Ragged
            Of the next `chunk` cells.
        """
        columns, totals = self.columns(adata.var_names), cell_totals(adata, total)
        for start, block in count_blocks(adata, chunk):
            stop = start + block.shape[0]
            yield self._rank(block, columns, totals[start:stop], adata.obs_names[start:stop], adata.var_names)

    def columns(self, names: Sequence[str]) -> np.ndarray:
        """The gene of each column of a file.

        Parameters
        ----------
        names
            var_names.

        Returns
        -------
        numpy.ndarray
            int32 (columns,): index in `genes`, -1 where the vocabulary has no such gene.

        Raises
        ------
        BadInput
            None of the names is in the vocabulary, or a gene stands for two columns.
        """
        found = np.array([self.token_of.get(name, self.first - 1) for name in names], np.int32) - np.int32(self.first)
        if not (found >= 0).any():
            raise BadInput(
                f"None of the {len(found):,} var_names ({', '.join(map(str, names[:3]))}, …) is a gene of this tokenizer "
                f"({', '.join(self.genes[:3])}, …). Read the file with glmkit.bio.read_cells, which maps symbols and drops versions."
            )
        times = np.bincount(found[found >= 0])
        if times.max() > 1:
            gene = self.genes[int(times.argmax())]
            where = [place for place, name in enumerate(names) if name == gene]
            raise BadInput(
                f"The gene {gene!r} stands for columns {where} of this AnnData. Sum them: read_cells(..., sum_duplicates=True)."
            )
        return found

    def _rank(
        self, block: "csr_matrix", columns: np.ndarray, totals: np.ndarray, cells: Sequence[str], names: Sequence[str]
    ) -> Ragged:
        from glmkit.tokens.cells import rank_kernel as kernel  # numba takes a moment to load

        room = self.length - len(self.prefix) - len(self.suffix)
        counts = np.diff(block.indptr)
        ids = np.empty(int(np.minimum(counts, room).sum()), self.dtype)
        offsets = np.empty(len(counts) + 1, np.int64)
        data = block.data if block.data.dtype == np.float32 else block.data.astype(np.float64)
        known = columns[columns >= 0]
        ordered = bool((np.diff(known) > 0).all())
        code, row, column = kernel.rank_rows(
            data, block.indices, block.indptr, totals, columns, self.medians, room, self.first, ordered, ids, offsets
        )
        if code == kernel.NO_TOTAL:
            raise BadInput(f"The cell {cells[row]!r} has the total {totals[row]}. Expected a positive number of counts.")
        if code != kernel.OK:
            value = block[row, column]
            what = "negative, infinite or missing" if code == kernel.NOT_A_COUNT else "a fraction: log-normalised?"
            raise BadInput(
                f"Expected raw counts, got {value} (cell {cells[row]!r}, gene {names[column]!r}), which is {what} "
                "Read the file with glmkit.bio.read_cells, which looks for counts in layers and raw."
            )
        return Ragged(ids[: offsets[-1]], offsets)

    def decode(self, ids: np.ndarray) -> str:
        """The genes of `ids` (length,), from the highest value down, separated by blanks; ``<pad>``, ``<cls>`` and ``<eos>`` are left out.

        Raises
        ------
        BadInput
            An id outside the vocabulary.
        """
        array = as_ids(ids, len(self.vocabulary))
        return " ".join(self.vocabulary[i] for i in array[(array >= self.first) | (array == self.mask_id)])

    def save(self, folder: str | Path) -> Path:
        """Write ``tokenizer.json`` into `folder` and return its path."""
        return write_description(folder, self._description())

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> "RankTokenizer":
        """The tokenizer of a description read from ``tokenizer.json``."""
        return cls(
            description["genes"],
            description["medians"],
            layout=description["layout"],
            length=description["length"],
            symbols=description["symbols"],
        )

    def __repr__(self) -> str:
        return f"RankTokenizer({len(self.genes):,} genes, layout {self.layout}, {self.length} tokens)"


def _check_medians(genes: tuple[str, ...], medians: Any) -> np.ndarray:
    values = np.asarray(medians, np.float64)
    if not genes:
        raise BadInput("A rank tokenizer needs at least one gene, got none.")
    if values.shape != (len(genes),):
        raise BadInput(f"Expected one median a gene, ({len(genes)},), got an array of shape {values.shape}.")
    if (wrong := ~(np.isfinite(values) & (values > 0))).any():
        place = int(wrong.argmax())
        raise BadInput(
            f"Expected positive medians, got {values[place]} for {genes[place]!r} ({int(wrong.sum())} such genes). "
            "Leave out genes that no cell of the corpus detects."
        )
    return values
