"""Rank-value encoding of cells: genes in order of normalised expression, as in Geneformer (Theodoris et al., Nature 2023).

Each count is divided by the total of the cell, multiplied by 10,000, and divided by the non-zero median of the gene over a
corpus. The detected genes of the vocabulary are sorted by decreasing value, and the list is truncated to the context length of
the model. Division by the median lowers the rank of genes expressed in every cell (housekeeping genes) and raises that of genes
that distinguish cells.

The total and the factor 10,000 are the same for all genes of a cell and cannot change ranks in exact arithmetic. In float64 they
can: equal ratios may round to different values, or different ratios to the same. The operations and their order are therefore
those of the reference, at a cost of a few percent. Ties are broken by the index in `genes`, not by the column of the file, so
that the order of columns has no effect. (Geneformer's own sort leaves the order of ties undefined.)
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
    """Genes of a cell in order of normalised expression; the vocabulary is the special tokens, then the genes.

    Layout ``v1`` has ``<pad> <mask>``, genes from id 2, and no prefix or suffix. Layout ``v2`` has ``<pad> <mask> <cls> <eos>``,
    genes from id 4, the prefix ``<cls>`` and the suffix ``<eos>``. Like all tokenizers, `encode` does not add prefix and suffix,
    but `length` includes them. A special token that a layout lacks has the id of ``<pad>``; ``<unk>`` is never produced.

    Parameters
    ----------
    genes
        Ensembl ids without version (or other unique names), in the order of their token ids.
    medians
        Non-zero median of each gene at 10,000 counts per cell (:func:`gene_medians`), (genes,), finite and positive.
    layout
        Layout of the special tokens, ``v1`` or ``v2``.
    length
        Maximum number of tokens of a cell with prefix and suffix; if None, 2,048 for ``v1`` and 4,096 for ``v2``.
    symbols
        Known symbols of genes, by name.

    Attributes
    ----------
    genes
        Name of each gene; the id of ``genes[i]`` is ``first + i``.
    medians
        Non-zero median of each gene, float64 (genes,).
    first
        Id of the first gene.
    token_of
        Id of each gene, by name.
    symbols
        Known symbols of genes, by name.

    Raises
    ------
    BadInput
        The layout is unknown, there are no genes, a gene is repeated, medians are not positive or of another number, or
        `length` leaves no room for a gene.

    Examples
    --------
    >>> tokenizer = RankTokenizer(["GENE1", "GENE2", "GENE3"], medians=[1.0, 4.0, 2.0])
    >>> ids = tokenizer.encode(np.array([3, 4, 0]))
    >>> ids.tolist(), tokenizer.decode(ids)
    ([2, 3], 'GENE1 GENE2')
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
            Raw counts in the order of ``tokenizer.genes``, (genes,).
        total
            Total counts of the cell over all measured genes, including those outside the vocabulary; the sum of `counts` if None.

        Returns
        -------
        numpy.ndarray
            Ids by decreasing value (detected genes,), at most `length` less the lengths of prefix and suffix.

        Raises
        ------
        BadInput
            `counts` has another shape, or negative, missing or fractional values.
        """
        from scipy.sparse import csr_matrix

        array = np.asarray(counts)
        if array.shape != (len(self.genes),):
            raise BadInput(
                f"Expected counts of shape ({len(self.genes)},), one per gene of the tokenizer, got {array.shape}. "
                "Use encode_cells for an AnnData: it matches genes by name."
            )
        totals = np.empty(0) if total is None else np.array([total], np.float64)
        return self._rank(
            csr_matrix(array[None]), np.arange(len(self.genes), dtype=np.int32), totals, ["(given)"], self.genes
        ).ids

    def encode_cells(self, adata: "AnnData", chunk: int = CHUNK, *, total: str | None = None) -> Ragged:
        """Ids of all cells of an AnnData, in its order.

        Parameters
        ----------
        adata
            Cells × genes, raw counts in X (dense, CSR or CSC, in memory or backed); var_names are matched with `genes`. Genes
            outside the vocabulary contribute to the totals of cells but have no tokens.
        chunk
            Number of cells per block.
        total
            Column of obs with the total counts of each cell, for a file with a subset of the measured genes; the sum over all
            genes of X if None.

        Returns
        -------
        Ragged
            Ids, one item per cell; a cell without a gene of the vocabulary is empty.

        Raises
        ------
        BadInput
            No gene of the vocabulary is in var_names, a gene is repeated, or values are not raw counts; the message names cell
            and gene.
        """
        return Ragged.join(self.encode_blocks(adata, chunk, total=total), self.dtype)

    def encode_blocks(self, adata: "AnnData", chunk: int = CHUNK, *, total: str | None = None) -> Iterator[Ragged]:
        """Result of :meth:`encode_cells`, one block of cells at a time.

        Parameters
        ----------
        adata, chunk, total
            As in :meth:`encode_cells`.

        Yields
        ------
        Ragged
            Ids of the next `chunk` cells.
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
            Names of the columns (var_names).

        Returns
        -------
        numpy.ndarray
            Index in `genes`, int32 (columns,), -1 for a name outside the vocabulary.

        Raises
        ------
        BadInput
            None of the names is in the vocabulary, or a gene has two columns.
        """
        found = np.array([self.token_of.get(name, self.first - 1) for name in names], np.int32) - np.int32(self.first)
        if not (found >= 0).any():
            raise BadInput(
                f"None of the {len(found):,} var_names ({', '.join(map(str, names[:3]))}, …) is a gene of this tokenizer "
                f"({', '.join(self.genes[:3])}, …). Read the file with glmkit.bio.read_cells, which maps symbols and drops "
                "versions."
            )
        times = np.bincount(found[found >= 0])
        if times.max() > 1:
            gene = self.genes[int(times.argmax())]
            where = [place for place, name in enumerate(names) if name == gene]
            raise BadInput(
                f"The gene {gene!r} has the columns {where} of this AnnData. Sum them: read_cells(..., sum_duplicates=True)."
            )
        return found

    def _rank(
        self, block: "csr_matrix", columns: np.ndarray, totals: np.ndarray, cells: Sequence[str], names: Sequence[str]
    ) -> Ragged:
        from glmkit.tokens.cells import rank_kernel as kernel  # local, because it imports numba

        limit = self.length - len(self.prefix) - len(self.suffix)
        counts = np.diff(block.indptr)
        ids = np.empty(int(np.minimum(counts, limit).sum()), self.dtype)
        offsets = np.empty(len(counts) + 1, np.int64)
        data = block.data if block.data.dtype == np.float32 else block.data.astype(np.float64)
        known = columns[columns >= 0]
        ordered = bool((np.diff(known) > 0).all())
        code, row, column = kernel.rank_rows(
            data, block.indices, block.indptr, totals, columns, self.medians, limit, self.first, ordered, ids, offsets
        )
        if code == kernel.NO_TOTAL:
            raise BadInput(f"The cell {cells[row]!r} has the total {totals[row]}. Expected a positive number of counts.")
        if code != kernel.OK:
            value = block[row, column]
            what = "negative, infinite or missing" if code == kernel.NOT_A_COUNT else "a fraction (log-normalised?)"
            raise BadInput(
                f"Expected raw counts, got {value} (cell {cells[row]!r}, gene {names[column]!r}), which is {what}. "
                "Read the file with glmkit.bio.read_cells, which searches layers and raw for counts."
            )
        return Ragged(ids[: offsets[-1]], offsets)

    def decode(self, ids: np.ndarray) -> str:
        """The genes of `ids` (length,), separated by blanks; ``<pad>``, ``<cls>`` and ``<eos>`` are omitted.

        Raises
        ------
        BadInput
            An id is outside the vocabulary.
        """
        array = as_ids(ids, len(self.vocabulary))
        return " ".join(self.vocabulary[i] for i in array[(array >= self.first) | (array == self.mask_id)])

    def save(self, folder: str | Path) -> Path:
        """Write ``tokenizer.json`` into `folder` and return its path."""
        return write_description(folder, self._description())

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> "RankTokenizer":
        """Construct the tokenizer from the description in ``tokenizer.json``."""
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
        raise BadInput(f"Expected one median per gene, ({len(genes)},), got an array of shape {values.shape}.")
    if (wrong := ~(np.isfinite(values) & (values > 0))).any():
        place = int(wrong.argmax())
        raise BadInput(
            f"Expected positive medians, got {values[place]} for {genes[place]!r} ({int(wrong.sum())} such genes). "
            "Leave out genes that no cell of the corpus detects."
        )
    return values
