"""Bits per residue and per gene, against counts made by hand."""

import numpy as np
import pytest

from glmkit.errors import BadInput
from glmkit.evaluate.diagnostics import bits_per_gene, bits_per_residue
from glmkit.models import TransformerConfig, new_model
from glmkit.score import token_log_likelihood
from glmkit.tokens import RankTokenizer, make_tokenizer

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def model_of(tokenizer, **shape):
    config = TransformerConfig(vocabulary_size=len(tokenizer.vocabulary), width=8, layers=1, heads=2, feedforward=12, **shape)
    return new_model(config, tokenizer, seed=5)


def test_bits_per_residue_are_the_mean_over_standard_residues() -> None:
    model = model_of(make_tokenizer("protein"))
    sequences = ["AAXC", "CCCCCW", "ADLE"]
    training = LETTERS + 12 * "A"  # A: 13 of 32, the others 1 of 32
    bits = bits_per_residue(model, sequences, training, groups=["f", "f", "g"])
    by_hand = (3 * -np.log2(13 / 32) + 10 * 5) / 13  # X is not counted
    assert bits.baseline.value == pytest.approx(by_hand)
    nats = token_log_likelihood(model, sequences, passes="auto")
    assert bits.model.value == pytest.approx(-sum(np.nansum(some) for some in nats) / np.log(2) / 13)
    assert bits.gain.value == pytest.approx(bits.baseline.value - bits.model.value)
    assert bits.table.guess.tolist()[::3] == ["evenly from twenty", "gain over composition"]
    assert bits.table.bits.tolist()[0] == pytest.approx(np.log2(20))
    with pytest.raises(BadInput, match="training has no W: expected each of the 20 amino acids"):
        bits_per_residue(model, sequences, training.replace("W", ""))


def test_bits_per_gene_and_the_rule_that_a_gene_occurs_once() -> None:
    genes = RankTokenizer([f"ENSG{i:011d}" for i in range(4)], [1.0] * 4, length=16)
    ids = np.array([genes.token_of[name] for name in genes.genes])
    training = [ids[[0, 1, 2]], ids[[0, 1]], ids[[0]]]  # counts 3, 2, 1, 0, each with 0.5 added: 3.5, 2.5, 1.5, 0.5 of 8
    cells = [ids[[0, 1]], ids[[3, 0]], ids[[2, 1]]]
    model = model_of(genes, positions="none")
    bits = bits_per_gene(model, cells, training, passes=2)
    p = np.array([3.5, 2.5, 1.5, 0.5]) / 8
    plain = -np.log2([p[0], p[1], p[3], p[0], p[2], p[1]]).mean()
    once = -np.log2(
        [p[0] / (1 - p[1]), p[1] / (1 - p[0]), p[3] / (1 - p[0]), p[0] / (1 - p[3]), p[2] / (1 - p[1]), p[1] / (1 - p[2])]
    )
    table = bits.table.set_index("guess").bits
    assert table["evenly over the vocabulary"] == pytest.approx(2.0)
    assert table["by frequency"] == bits.baseline.value == pytest.approx(plain)
    assert table["by frequency, each gene once"] == pytest.approx(once.mean())
    nats = np.concatenate(token_log_likelihood(model, cells, passes=2))
    assert table["language model"] == bits.model.value == pytest.approx(-nats.mean() / np.log(2))
    assert bits.gain.value == pytest.approx(bits.baseline.value - bits.model.value)
