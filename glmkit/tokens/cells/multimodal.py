"""Cells of several modalities as one sequence: binned values of each panel, then genes in the order of their ranks.

Ids are ordered by modality: special tokens and genes first, then each panel. The id of a token therefore determines:

- its segment in a Transformer (`CellTokenizer.segment_starts`)
- the token that replaces it when masked (`hidden_by`): the mask for a gene, the unknown token of its feature for a value
- the tokens that may replace it at random (`kin`): any gene for a gene, any bin of the same feature for a value

In a cell without a panel, all features of the panel have their unknown token. A cell without RNA has no ranked genes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.tokens.cells.csr_blocks import CHUNK
from glmkit.tokens.cells.inputs import RNA
from glmkit.tokens.cells.panel import Panel
from glmkit.tokens.cells.rank import RankTokenizer
from glmkit.tokens.ragged import Ragged
from glmkit.tokens.sequences.letters import number
from glmkit.tokens.tokenizer import as_ids, canonical_hash, smallest_dtype, write_description

SPECIAL = ("<pad>", "<mask>", "<cls>", "<eos>")  # of a tokenizer without RNA; otherwise those of the RNA tokenizer


class CellTokenizer:
    """Tokenizer of RNA ranks and panels of binned values.

    Parameters
    ----------
    rna
        Tokenizer of the genes, with their medians and the special tokens; None for cells without RNA, whose sequences begin
        with ``<cls>`` and end with ``<eos>``.
    panels
        Panels of the other modalities, in the order of their tokens in a cell.

    Attributes
    ----------
    segment_starts
        First id of each modality, RNA with the special tokens first; for `glmkit.models.TransformerConfig`.
    modality
        Modality of each id, int64 (vocab,): 0 for genes, from 1 for panels in their order, -1 for special tokens.
    modalities
        Names of the modalities, RNA first even if there is no tokenizer for it.
    hidden_by
        Id that replaces each id when masked, int64 (vocab,).
    kin
        Half-open range of ids that may replace each id at random, int64 (vocab, 2).
    first_rank
        Number of tokens of a cell before its first gene.
    length
        Maximum number of tokens of a cell, including special tokens.
    token_of
        Id of each gene, by name.
    symbols
        Known symbols of genes, by name.

    Raises
    ------
    BadInput
        There is neither RNA nor a panel, two panels have one name, or two panels have the same feature.

    Examples
    --------
    >>> from anndata import AnnData
    >>> rna = AnnData(np.array([[1, 0, 5], [0, 2, 1]], dtype=np.float32))
    >>> protein = AnnData(np.array([[9, 1], [2, 7]], dtype=np.float32))
    >>> rna.var_names, protein.var_names = ["GENE1", "GENE2", "GENE3"], ["CD3", "CD19"]
    >>> tokenizer = CellTokenizer(RankTokenizer(rna.var_names, [1, 1, 1]), [Panel.fit("protein", protein, bins=2)])
    >>> ragged = tokenizer.encode_cells({"rna": rna, "protein": protein})
    >>> [tokenizer.decode(ragged.item(i)) for i in range(2)]
    ['CD3:1 CD19:0 GENE3 GENE1', 'CD3:0 CD19:1 GENE2 GENE3']
    >>> tokenizer.segment_starts
    (0, 5)
    """

    kind = "cells"
    bases_per_token: float | int | None = None
    pad_id: int
    mask_id: int
    bos_id: int
    eos_id: int
    unk_id: int
    prefix: tuple[int, ...]
    suffix: tuple[int, ...]

    def __init__(self, rna: RankTokenizer | None, panels: Sequence[Panel] = ()) -> None:
        self.rna, self.panels = rna, tuple(panels)
        names = [panel.name for panel in self.panels]
        if len({RNA, *names}) != len(names) + 1 or (rna is None and not names):
            raise BadInput(
                f"A CellTokenizer needs RNA or panels, each with a unique name other than {RNA!r}, got panels {names}."
            )
        self.modalities = (RNA, *names)
        before = SPECIAL if rna is None else rna.vocabulary
        self.vocabulary = (*before, *(token for panel in self.panels for token in panel.tokens))
        number(self.vocabulary)
        self._set_special(rna)
        sizes = np.cumsum([len(before), *(len(panel.tokens) for panel in self.panels)])
        self._begin = sizes[:-1]  # the first id of each panel
        self.segment_starts = (0, *sizes[:-1].tolist())
        self.first_rank = sum(len(panel.features) for panel in self.panels)
        self.length = self.first_rank + (len(self.prefix) + len(self.suffix) if rna is None else rna.length)
        self.token_of = {} if rna is None else rna.token_of
        self.symbols = {} if rna is None else rna.symbols
        self.dtype = smallest_dtype(len(self.vocabulary))
        self._set_masking(len(before))
        self.hash = canonical_hash(self._description())

    def _set_special(self, rna: RankTokenizer | None) -> None:
        """Set the special ids, prefix and suffix."""
        if rna is None:
            self.pad_id, self.mask_id, self.bos_id, self.eos_id = range(len(SPECIAL))
            self.unk_id, self.prefix, self.suffix = self.pad_id, (self.bos_id,), (self.eos_id,)
            return
        self.pad_id, self.mask_id, self.bos_id, self.eos_id = rna.pad_id, rna.mask_id, rna.bos_id, rna.eos_id
        self.unk_id, self.prefix, self.suffix = rna.unk_id, rna.prefix, rna.suffix

    def _set_masking(self, before: int) -> None:
        """Set `modality`, `maskable`, `hidden_by` and `kin`; the first `before` ids are special tokens and genes."""
        size = len(self.vocabulary)
        ids = np.arange(size)
        genes = np.zeros(before, bool) if self.rna is None else np.asarray(self.rna.maskable, bool)
        self.modality = np.searchsorted(self.segment_starts, ids, "right") - 1
        self.modality[:before][~genes] = -1
        self.maskable = np.zeros(size, bool)
        self.maskable[:before] = genes
        self.hidden_by = np.where(self.modality == 0, self.mask_id, ids)
        self.kin = np.stack([ids, ids + 1], 1)
        if genes.any():
            found = np.flatnonzero(genes)
            self.kin[found] = found[0], found[-1] + 1
        for panel, begin in zip(self.panels, self._begin.tolist(), strict=True):
            unknown = np.repeat(panel.starts[:-1], np.diff(panel.starts)) + begin
            part = slice(begin, begin + len(panel.tokens))
            bins = np.repeat(panel.bins, np.diff(panel.starts))
            value = ids[part] != unknown
            self.hidden_by[part] = unknown
            self.maskable[part] = value & (bins > 1)  # a constant feature has nothing to predict
            self.kin[part][value] = np.stack([unknown + 1, unknown + 1 + bins], 1)[value]

    def panel(self, name: str) -> Panel:
        """The panel of a modality.

        Parameters
        ----------
        name
            Name of the modality, one of `modalities`.

        Returns
        -------
        Panel
            The panel, one of `panels`.

        Raises
        ------
        BadInput
            There is no such panel.
        """
        for panel in self.panels:
            if panel.name == name:
                return panel
        known = ", ".join(repr(panel.name) for panel in self.panels) or "none"
        raise BadInput(f"This tokenizer has no panel {name!r}; it has {known}. Choose one of them.")

    def panel_ids(self, name: str) -> tuple[int, int]:
        """Range of the ids of a panel.

        Parameters
        ----------
        name
            Name of the panel.

        Returns
        -------
        tuple of int
            First id and end of the half-open range.
        """
        begin = int(self._begin[self.panels.index(self.panel(name))])
        return begin, begin + len(self.panel(name).tokens)

    def place_of(self, name: str) -> int:
        """Position in a cell of the first feature of a panel.

        Parameters
        ----------
        name
            Name of the panel.

        Returns
        -------
        int
            Number of tokens of the preceding panels, without special tokens.
        """
        return sum(len(panel.features) for panel in self.panels[: self.panels.index(self.panel(name))])

    def encode_cells(self, cells: Any, chunk: int = CHUNK) -> Ragged:
        """Ids of cells.

        Parameters
        ----------
        cells
            Dictionary of modality name to AnnData of raw counts, of the same cells in the same order; or one AnnData, which
            is RNA. Modalities that are not in the tokenizer are ignored.
        chunk
            Number of cells per block.

        Returns
        -------
        Ragged
            Ids of each cell: all features of the panels, then its genes by rank.

        Raises
        ------
        BadInput
            No modality is in the tokenizer, modalities have different cells, or values are not counts.
        """
        given = self._given(cells)
        n = next(iter(given.values())).n_obs
        values = np.empty((n, self.first_rank), self.dtype)
        first = 0
        for panel, begin in zip(self.panels, self._begin.tolist(), strict=True):
            part = slice(first, first := first + len(panel.features))
            if panel.name not in given:
                values[:, part] = panel.unknown(1) + begin
                continue
            start = 0
            for block in panel.place_blocks(given[panel.name], chunk):
                values[start : start + len(block), part] = block + begin
                start += len(block)
        if self.rna is None or RNA not in given:
            return Ragged(values.reshape(-1), np.arange(n + 1) * self.first_rank)
        ranks = self.rna.encode_cells(given[RNA], chunk)
        return Ragged(*interleave(values, np.asarray(ranks.ids), np.asarray(ranks.offsets)))

    def _given(self, cells: Any) -> dict[str, Any]:
        """The modalities of the tokenizer among `cells`, checked to have the same cells."""
        given = dict(cells) if isinstance(cells, Mapping) else {RNA: cells}
        known = [name for name in self.modalities if name != RNA or self.rna is not None]
        found = {name: adata for name, adata in given.items() if name in known}
        if not found:
            raise BadInput(
                f"cells: expected one of the modalities {', '.join(known)}, got {', '.join(map(str, given)) or 'none'}."
            )
        names = next(iter(found.values())).obs_names
        for name, adata in found.items():
            if not adata.obs_names.equals(names):
                raise BadInput(
                    f"cells: the modality {name!r} has {adata.n_obs} cells, which are not the {len(names)} of "
                    f"{next(iter(found))!r} in the same order. Index every modality by the cells that all of them have."
                )
        return found

    def encode(self, cell: Mapping[str, np.ndarray]) -> np.ndarray:
        """Ids of one cell.

        Parameters
        ----------
        cell
            Counts by modality name, in the order of the genes of the RNA tokenizer or of the features of the panel. The values
            of an absent modality are unknown.

        Returns
        -------
        numpy.ndarray
            Ids (length,), without special tokens.
        """
        parts = []
        for panel, begin in zip(self.panels, self._begin.tolist(), strict=True):
            counts = cell.get(panel.name)
            every = np.arange(len(panel.features))
            found = panel.unknown(1) if counts is None else panel.binned(panel.normalised(np.asarray(counts, float)[None], every))
            parts.append(found[0] + begin)
        if self.rna is not None and RNA in cell:
            parts.append(self.rna.encode(cell[RNA]))
        return np.concatenate(parts).astype(self.dtype)

    def decode(self, ids: np.ndarray) -> str:
        """The names of the tokens of `ids` (length,), separated by blanks; special tokens are omitted.

        Raises
        ------
        BadInput
            An id is outside the vocabulary.
        """
        return " ".join(self.vocabulary[i] for i in as_ids(ids, len(self.vocabulary)).tolist() if self.modality[i] >= 0)

    def _description(self) -> dict[str, Any]:
        rna = None if self.rna is None else self.rna._description()
        return {"kind": self.kind, "rna": rna, "panels": [panel.description() for panel in self.panels]}

    def save(self, folder: str | Path) -> Path:
        """Write ``tokenizer.json`` into `folder` and return its path."""
        return write_description(folder, self._description())

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> "CellTokenizer":
        """Construct the tokenizer from the description in ``tokenizer.json``."""
        rna = None if description["rna"] is None else RankTokenizer.from_description(description["rna"])
        return cls(rna, [Panel.from_description(panel) for panel in description["panels"]])

    def __repr__(self) -> str:
        return f"CellTokenizer({self.rna!r}, {list(self.panels)!r})"


def interleave(first: np.ndarray, ids: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Insert a row of fixed length before each item of a ragged array.

    Parameters
    ----------
    first
        Rows to insert (n, k).
    ids
        Concatenated items (total,).
    offsets
        Boundaries of the items (n + 1,).

    Returns
    -------
    tuple of numpy.ndarray
        Concatenated new items (total + n * k,) of the type of `first`, and their offsets (n + 1,).
    """
    n, k = first.shape
    begin = offsets + k * np.arange(n + 1)
    out = np.empty(len(ids) + first.size, first.dtype)
    owner = np.repeat(np.arange(n), np.diff(offsets))
    out[np.arange(len(ids)) + k * (owner + 1)] = ids
    out[(begin[:-1, None] + np.arange(k)).ravel()] = first.ravel()
    return out, begin
