"""Cells of several modalities as one sequence: the values of each panel, then the genes in the order of their ranks.

Ids are ordered by modality, so a token's id says what it is of: special tokens and genes first, each panel behind. That is what
the segments of a Transformer are taken from (`CellTokenizer.segment_starts`), what a hidden token becomes (`hidden_by`: a
hidden gene is the mask, a hidden value its feature's own unknown token) and what may stand in for it (`kin`: any gene for a
gene, a bin of the same feature for a value).

A cell in which a panel was not measured has unknown tokens, as many as ever; a cell without RNA has no ranks. Either way it is
still a cell.
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

SPECIAL = ("<pad>", "<mask>", "<cls>", "<eos>")  # where there is no RNA tokenizer to say them


class CellTokenizer:
    """RNA ranks and panels of binned values.

    Parameters
    ----------
    rna
        The genes, their medians and the special tokens; None for cells without RNA, whose sequences begin with ``<cls>`` and
        end with ``<eos>``.
    panels
        One for each further modality, in the order in which a cell says them.

    Attributes
    ----------
    segment_starts
        The first id of each modality's tokens, RNA with the special tokens first; for `glmkit.models.TransformerConfig`.
    modality
        int64 (vocab,): 0 for genes, 1 and on for panels in their order, -1 for special tokens.
    modalities
        Their names, RNA first whether there is a tokenizer for it or not.
    hidden_by
        int64 (vocab,): the id that each id becomes when it is hidden.
    kin
        int64 (vocab, 2): the half-open range of ids that may take an id's place at random.
    first_rank
        Tokens of a cell before its first gene.
    length
        Most tokens of a cell, special ones included.
    token_of
        The id of each gene.
    symbols
        The symbol of each gene, where known.

    Raises
    ------
    BadInput
        Neither RNA nor a panel, two panels of one name, or a feature of two panels.
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
                f"A CellTokenizer needs RNA or panels, each of a name of its own other than {RNA!r}, got panels {names}."
            )
        self.modalities = (RNA, *names)
        before = SPECIAL if rna is None else rna.vocabulary
        self.vocabulary = (*before, *(token for panel in self.panels for token in panel.tokens))
        number(self.vocabulary)
        self._take_special(rna)
        sizes = np.cumsum([len(before), *(len(panel.tokens) for panel in self.panels)])
        self._begin = sizes[:-1]  # the first id of each panel
        self.segment_starts = (0, *sizes[:-1].tolist())
        self.first_rank = sum(len(panel.features) for panel in self.panels)
        self.length = self.first_rank + (len(self.prefix) + len(self.suffix) if rna is None else rna.length)
        self.token_of = {} if rna is None else rna.token_of
        self.symbols = {} if rna is None else rna.symbols
        self.dtype = smallest_dtype(len(self.vocabulary))
        self._say_what_hides(len(before))
        self.hash = canonical_hash(self._description())

    def _take_special(self, rna: RankTokenizer | None) -> None:
        """The special ids, and what stands around a cell."""
        if rna is None:
            self.pad_id, self.mask_id, self.bos_id, self.eos_id = range(len(SPECIAL))
            self.unk_id, self.prefix, self.suffix = self.pad_id, (self.bos_id,), (self.eos_id,)
            return
        self.pad_id, self.mask_id, self.bos_id, self.eos_id = rna.pad_id, rna.mask_id, rna.bos_id, rna.eos_id
        self.unk_id, self.prefix, self.suffix = rna.unk_id, rna.prefix, rna.suffix

    def _say_what_hides(self, before: int) -> None:
        """`modality`, `maskable`, `hidden_by` and `kin` of every id; `before` ids are special tokens and genes."""
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
            self.maskable[part] = value & (bins > 1)  # nothing is to be learnt from a feature that never varies
            self.kin[part][value] = np.stack([unknown + 1, unknown + 1 + bins], 1)[value]

    def panel(self, name: str) -> Panel:
        """The panel of a modality.

        Parameters
        ----------
        name
            As in `modalities`.

        Returns
        -------
        Panel
            One of `panels`.

        Raises
        ------
        BadInput
            There is no such panel.
        """
        for panel in self.panels:
            if panel.name == name:
                return panel
        known = ", ".join(repr(panel.name) for panel in self.panels) or "none"
        raise BadInput(f"This tokenizer has no panel {name!r}; it has {known}.")

    def panel_ids(self, name: str) -> tuple[int, int]:
        """Where a panel's tokens are.

        Parameters
        ----------
        name
            Of the panel.

        Returns
        -------
        tuple of int
            The half-open range of their ids.
        """
        begin = int(self._begin[self.panels.index(self.panel(name))])
        return begin, begin + len(self.panel(name).tokens)

    def place_of(self, name: str) -> int:
        """Where in a cell a panel's features begin.

        Parameters
        ----------
        name
            Of the panel.

        Returns
        -------
        int
            Tokens of the panels before it; special tokens are not counted.
        """
        return sum(len(panel.features) for panel in self.panels[: self.panels.index(self.panel(name))])

    def encode_cells(self, cells: Any, chunk: int = CHUNK) -> Ragged:
        """Ids of cells.

        Parameters
        ----------
        cells
            A dictionary from the names of modalities to AnnData of raw counts, of the same cells in the same order; or one
            AnnData, which is RNA. Modalities that the tokenizer does not know are not looked at.
        chunk
            Cells that are worked on at a time.

        Returns
        -------
        Ragged
            For each cell all features of the panels, then its genes by rank.

        Raises
        ------
        BadInput
            No modality that is known, modalities of different cells, or counts that are none.
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
        """The modalities that are known, checked to be of the same cells."""
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
                    f"cells: the modality {name!r} has {adata.n_obs} cells, which are not the {len(names)} of {next(iter(found))!r} in the same "
                    "order. Index every modality by the cells that all of them have."
                )
        return found

    def encode(self, cell: Mapping[str, np.ndarray]) -> np.ndarray:
        """Ids of one cell.

        Parameters
        ----------
        cell
            From the names of modalities to counts: of the genes of the RNA tokenizer, of the features of a panel, in their
            order. A modality that is not there is unknown.

        Returns
        -------
        numpy.ndarray
            (length,), without special tokens.
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
        """The names of tokens (length,), with blanks between; special tokens are left out.

        Raises
        ------
        BadInput
            An id outside the vocabulary.
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
        """The tokenizer of a description read from ``tokenizer.json``."""
        rna = None if description["rna"] is None else RankTokenizer.from_description(description["rna"])
        return cls(rna, [Panel.from_description(panel) for panel in description["panels"]])

    def __repr__(self) -> str:
        return f"CellTokenizer({self.rna!r}, {list(self.panels)!r})"


def interleave(first: np.ndarray, ids: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Put a row before each piece of a ragged array.

    Parameters
    ----------
    first
        (n, k).
    ids
        (total,): the pieces, one after another.
    offsets
        (n + 1,): where they begin.

    Returns
    -------
    tuple of numpy.ndarray
        (total + n * k,) of the type of `first`, and its offsets.
    """
    n, k = first.shape
    begin = offsets + k * np.arange(n + 1)
    out = np.empty(len(ids) + first.size, first.dtype)
    owner = np.repeat(np.arange(n), np.diff(offsets))
    out[np.arange(len(ids)) + k * (owner + 1)] = ids
    out[(begin[:-1, None] + np.arange(k)).ravel()] = first.ravel()
    return out, begin
