"""Bits per residue or gene: what a language model has learnt beyond the frequency of each symbol.

A hidden symbol costs ``-log2 p`` bits, where p is the probability given to it. The baseline gives each symbol its frequency in the
training data, whatever its neighbours are. The difference, the gain, is what a model has learnt from the other symbols of the same
protein or cell. It is paired: both are measured on the same symbols.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from glmkit.errors import BadInput
from glmkit.score import describe_method, token_log_likelihood
from glmkit.statistics import Estimate, ratio

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"


@dataclass(frozen=True, kw_only=True)
class Bits:  # numpydoc ignore=PR02
    """Cost of hidden symbols under a language model and under a baseline.

    Parameters
    ----------
    table
        One row a guess: guess, bits, bits_low, bits_high (lower is better); the last row is the gain.
    baseline
        Bits per symbol by frequency.
    model
        Bits per symbol of the language model.
    gain
        Baseline minus model, bits per symbol, with a paired interval.
    """

    table: pd.DataFrame
    baseline: Estimate
    model: Estimate
    gain: Estimate


def bits_per_residue(model: Any, sequences: Sequence[str], training: str, groups: Sequence[str] | None = None) -> Bits:
    """Bits per residue of a protein language model, against the composition of its training data.

    Parameters
    ----------
    model
        A language model of proteins.
    sequences
        Held-out proteins. Letters other than the 20 amino acids are not counted.
    training
        Training residues as one text, for the composition.
    groups
        Family of each protein, the unit of the intervals; None for independent proteins.

    Returns
    -------
    Bits
        Rows: evenly from twenty, by composition, language model, gain over composition.

    Raises
    ------
    BadInput
        An amino acid is missing from `training`.

    Examples
    --------
    >>> from glmkit.models import TransformerConfig, new_model
    >>> from glmkit.tokens import make_tokenizer
    >>> letters = make_tokenizer("protein")
    >>> config = TransformerConfig(vocabulary_size=len(letters.vocabulary), width=8, layers=1, heads=2, feedforward=16)
    >>> bits = bits_per_residue(new_model(config, letters, seed=0), ["MKTWCAYGHE", "ACDEFGHIKL", "LLAAGGKRST"], AMINO_ACIDS * 3)
    >>> bits.table.guess.tolist()[:2], round(bits.baseline.value, 2)
    (['evenly from twenty', 'by composition'], 4.32)
    """
    counts = np.array([training.count(letter) for letter in AMINO_ACIDS])
    if not counts.all():
        raise BadInput(
            f"training has no {AMINO_ACIDS[int(np.argmin(counts))]}: expected each of the 20 amino acids at least once."
        )
    cost = dict(zip(AMINO_ACIDS, -np.log2(counts / counts.sum()), strict=True))
    standard = ["".join(filter(cost.__contains__, sequence)) for sequence in sequences]
    sizes = np.array([len(sequence) for sequence in standard])
    composition = np.array([sum(map(cost.__getitem__, sequence)) for sequence in standard])
    own = np.array([-np.nansum(nats) for nats in token_log_likelihood(model, list(sequences), passes="auto")]) / np.log(2)
    name = f"language model, {describe_method(model, passes='auto')}"
    rows = {"by composition": composition, name: own, "gain over composition": composition - own}
    return _bits({"evenly from twenty": np.log2(20)}, rows, sizes, groups)


def bits_per_gene(
    model: Any,
    cells: Sequence[np.ndarray],
    training: Sequence[np.ndarray],
    groups: Sequence[str] | None = None,
    passes: int = 8,
) -> Bits:
    """Bits per gene of a language model of cells, against the frequency of each gene in its training data.

    A second baseline also uses that a gene occurs in a cell only once, and excludes the visible genes. This is a rule of the
    notation and not of biology, which a small network does not learn.

    Parameters
    ----------
    model
        A language model of cells.
    cells
        Token ids of held-out cells, int (length,) each.
    training
        Token ids of the training cells, int (length,) each.
    groups
        Donor or batch of each held-out cell, the unit of the intervals; None for independent cells.
    passes
        Number of forward passes a cell; in each, every `passes`-th token is hidden.

    Returns
    -------
    Bits
        Rows: evenly over the vocabulary, by frequency, by frequency (each gene once), language model, gain over frequency.

    Raises
    ------
    BadInput
        The vocabulary of the model has no genes.

    Examples
    --------
    >>> from glmkit.models import TransformerConfig, new_model
    >>> from glmkit.tokens import RankTokenizer
    >>> genes = RankTokenizer([f"ENSG{i:011d}" for i in range(6)], [1.0] * 6, length=16)
    >>> shape = {"width": 8, "layers": 1, "heads": 2, "feedforward": 16, "positions": "none"}
    >>> model = new_model(TransformerConfig(vocabulary_size=len(genes.vocabulary), **shape), genes, seed=0)
    >>> ids = [genes.token_of[name] for name in genes.genes]
    >>> cells = [np.array(ids[:4]), np.array(ids[2:]), np.array(ids[::2])]
    >>> bits_per_gene(model, cells, [np.array(ids)], passes=2).table.guess.tolist()[1:3]
    ['by frequency', 'by frequency, each gene once']
    """
    tokenizer = model.tokenizer
    gene = np.asarray(getattr(tokenizer, "modality", np.where(tokenizer.maskable, 0, -1))) == 0
    if not gene.any():
        raise BadInput("The model's vocabulary has no genes, so there are no bits per gene.")
    seen = np.bincount(np.concatenate(list(training)), minlength=len(gene))
    frequency = np.where(gene, seen + 0.5, 0)
    frequency = frequency / frequency.sum()
    by = {once: np.array([_frequency_bits(ids, gene, frequency, passes, once) for ids in cells]) for once in (False, True)}
    nats = token_log_likelihood(model, list(cells), passes=passes)
    own = np.array([np.nansum(np.where(gene[ids], -of / np.log(2), np.nan)) for ids, of in zip(cells, nats, strict=True)])
    sizes = np.array([gene[ids].sum() for ids in cells])
    rows = {"by frequency": by[False], "by frequency, each gene once": by[True], "language model": own}
    rows["gain over frequency"] = by[False] - own
    return _bits({"evenly over the vocabulary": np.log2(gene.sum())}, rows, sizes, groups)


def _frequency_bits(ids: np.ndarray, gene: np.ndarray, frequency: np.ndarray, passes: int, once: bool) -> float:
    """Bits of the genes of a cell, every `passes`-th hidden together; with `once`, visible genes are excluded."""
    total = 0.0
    for first in range(passes):
        hidden = np.zeros(len(ids), bool)
        hidden[first::passes] = True
        hidden &= gene[ids]
        left = 1 - frequency[ids[~hidden]].sum() if once else 1
        total += float(-np.log2(frequency[ids[hidden]] / max(left, 1e-9)).sum())
    return total


def _bits(fixed: dict[str, float], sums: dict[str, np.ndarray], sizes: np.ndarray, groups: Sequence[str] | None) -> Bits:
    """Table of a constant and of sums over items; the sums are baseline first, model and gain last."""
    estimates = {name: ratio(bits, sizes, groups) for name, bits in sums.items()}
    rows = [(name, bits, bits, bits) for name, bits in fixed.items()] + [(name, *bits) for name, bits in estimates.items()]
    table = pd.DataFrame(rows, columns=["guess", "bits", "bits_low", "bits_high"])
    found = list(estimates.values())
    return Bits(table=table, baseline=found[0], model=found[-2], gain=found[-1])
