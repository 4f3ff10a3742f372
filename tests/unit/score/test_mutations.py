"""Mutations: what is refused, what is read how often, and that company changes nothing.

Covers ``glmkit.score.unmask``, ``glmkit.score.windows.continuation``, ``glmkit.score.windows.jobs``.
"""

import numpy as np
import pytest
import torch

from glmkit.bio import Mutation, parse_mutations
from glmkit.errors import BadInput
from glmkit.models import LanguageModel, TransformerConfig, new_model
from glmkit.score import landscape, log_likelihood, mutations, pseudo_perplexity
from glmkit.score.windows.sites import centred
from glmkit.tokens import LetterTokenizer, make_tokenizer

TOKENIZER = LetterTokenizer()
SEQUENCE = "MKVLAAGHTWYQXR"
METHODS = ["masked marginals", "masked marginals, joint", "wild-type marginals", "pseudo-likelihood", "causal"]


def model(causal: bool = False) -> LanguageModel:
    config = TransformerConfig(vocabulary_size=33, width=24, layers=2, heads=3, feedforward=40, causal=causal)
    made = new_model(config, TOKENIZER, seed=4)
    with torch.no_grad():  # fresh weights say almost the same everywhere
        for parameter in made.parameters():
            parameter.mul_(3)
    return made


def of(method: str) -> LanguageModel:
    return model(causal=method == "causal")


def sequences_read(m: LanguageModel) -> list[int]:
    """A list that fills with the lengths of the sequences that the network reads, special tokens included."""
    lengths: list[int] = []
    m.network.register_forward_pre_hook(lambda _, inputs: lengths.extend(inputs[1].diff().tolist()))
    return lengths


def test_one_pass_a_site_however_many_mutants() -> None:
    m, protein = model(), "".join(np.random.default_rng(1).choice(list("ACDEFGHIKLMNPQRSTVWY"), 40))
    lengths = sequences_read(m)
    every = [f"{wild}{i + 1}{new}" for i, wild in enumerate(protein) for new in "ACDEFGHIKLMNPQRSTVWY" if new != wild]
    table = mutations(m, protein, every)
    assert len(table) == 760
    assert lengths == [42] * 40
    lengths.clear()
    landscape(m, protein)
    assert lengths == [42] * 40
    lengths.clear()
    mutations(m, protein, every, "wild-type marginals")
    assert lengths == [42]
    lengths.clear()
    mutations(m, protein, every, context=12)
    assert lengths == [12] * 40


@pytest.mark.parametrize("method", METHODS)
def test_company_and_batches_change_nothing(method: str) -> None:
    m = of(method)
    texts = ["M1W", "K2A:R14Y", "H8D", "M1W", "Q12K:V3A:A6G"]
    together = mutations(m, SEQUENCE, texts, method)
    assert together["mutation"].tolist() == texts
    assert (together["method"] == method).all()
    alone = np.concatenate([mutations(m, SEQUENCE, [text], method)["score"] for text in texts])
    np.testing.assert_allclose(together["score"], alone, atol=1e-4)
    np.testing.assert_allclose(together["score"], mutations(m, SEQUENCE, texts, method, batch_tokens=17)["score"], atol=1e-4)
    assert together["score"][0] == together["score"][3]
    objects: list[Mutation | list[Mutation]] = [Mutation.parse("M1W"), parse_mutations("K2A:R14Y")]
    np.testing.assert_allclose(mutations(m, SEQUENCE.lower(), objects, method)["score"], alone[:2], atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_a_landscape_has_the_scores_of_its_mutants(method: str) -> None:
    m = of(method)
    heat = landscape(m, "MKXV", method if method != "masked marginals" else None)
    assert heat.shape == (4, 20)
    assert np.isnan(heat[2]).all()
    assert heat[1, "ACDEFGHIKLMNPQRSTVWY".index("K")] == 0
    found = mutations(m, "MKXV", ["K2W", "V4A"], method)["score"]
    np.testing.assert_allclose([heat[1, 18], heat[3, 0]], found, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_one_residue_and_exactly_the_context(method: str) -> None:
    m = of(method)
    assert np.isfinite(mutations(m, "M", ["M1W"], method)["score"][0])
    lengths = sequences_read(m)
    exact = mutations(m, SEQUENCE, ["R14W", "M1A"], method, context=16)
    assert set(lengths) == {16}
    np.testing.assert_allclose(exact["score"], mutations(m, SEQUENCE, ["R14W", "M1A"], method)["score"], atol=2e-5)
    assert (exact["residues_read"] == 14).all()
    shorter = mutations(m, SEQUENCE, ["R14W", "M1A"], method, context=15)
    assert max(lengths[-1:]) <= 15
    assert (shorter["residues_read"] == 13).all()


def test_a_causal_model_compares_whole_sequences() -> None:
    m = model(causal=True)
    texts = ["H8D", "H8del", "H8_T9insWW", "M1del"]
    mutants = ["MKVLAAGDTWYQXR", "MKVLAAGTWYQXR", "MKVLAAGHWWTWYQXR", "KVLAAGHTWYQXR"]
    nats = log_likelihood(m, [SEQUENCE, *mutants])
    np.testing.assert_allclose(mutations(m, SEQUENCE, texts)["score"], nats[1:] - nats[0], atol=2e-5)


def test_the_result_says_how_it_was_made() -> None:
    m = model()
    table = mutations(m, SEQUENCE, ["M1W"], context=20)
    assert table.attrs["method"] == "masked marginals"
    assert (table.attrs["context"], table.attrs["tokenizer_hash"]) == (20, TOKENIZER.hash)
    assert table.attrs["model"]["seed"] == 4
    empty = mutations(m, SEQUENCE, [])
    assert len(empty) == 0
    assert empty.columns.tolist() == table.columns.tolist()


def test_synonymous_is_zero() -> None:
    for method in METHODS:
        assert mutations(of(method), SEQUENCE, ["H8H"], method)["score"][0] == 0


@pytest.mark.parametrize(
    ("texts", "method", "words"),
    [
        (["H8del"], None, r"H8del: 'masked marginals' compares residues at one site.*method='pseudo-likelihood'"),
        (["M1W", "H8_T9insK"], "wild-type marginals", "H8_T9insK: 'wild-type marginals' compares"),
        (["H8*"], "pseudo-likelihood", "expected a residue, got a stop"),
        (["X13A"], None, "X13A: expected one of the 20 amino acids that the model scores, got 'X'"),
        (["H8U"], None, "H8U: expected one of the 20 amino acids that the model scores, got 'U'"),
        (["H8A:H8D"], None, "H8A and H8D change the same place"),
        (["H7A"], None, "expected 'H' at residue 7, but residue 7 of the sequence is 'G'. Numbered from 0"),
        (["M1W"], "causal", "expected one of 'masked marginals', 'masked marginals, joint'.* for a masked model, got 'causal'"),
        ([8], None, "mutations: expected texts such as 'A123V'"),
        ([[]], None, "mutations: expected texts such as 'A123V'"),
        ("M1W", None, "mutations: expected a list with one entry per mutant, got 'M1W'"),
        (["M1_R14del"], "pseudo-likelihood", "expected one of the 20 amino acids that the model scores, got 'X'"),
    ],
)
def test_what_is_refused(texts: list[str], method: str | None, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        mutations(model(), SEQUENCE, texts, method)  # type: ignore[arg-type]


def test_sites_beyond_the_context_and_other_models_are_refused() -> None:
    m = model()
    with pytest.raises(BadInput, match="its sites span 12 residues, more than the 10 of one window"):
        mutations(m, SEQUENCE, ["M1W:Q12K"], "masked marginals, joint", context=12)
    assert np.isfinite(mutations(m, SEQUENCE, ["M1W:Q12K"], context=12)["score"][0])
    with pytest.raises(BadInput, match="its sites and insertions span 15 residues"):
        mutations(m, SEQUENCE, ["M1_K2insAAAA:Q12K"], "pseudo-likelihood", context=12)
    with pytest.raises(BadInput, match="the mutant has no residues left"):
        mutations(m, "M", ["M1del"], "pseudo-likelihood")
    with pytest.raises(BadInput, match="expected one of 'causal' for a causal model, got 'masked marginals'"):
        landscape(model(causal=True), SEQUENCE, "masked marginals")
    with pytest.raises(BadInput, match="sequence: expected one protein as a string"):
        landscape(m, [SEQUENCE])  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="got '-' at position 1"):
        mutations(m, "M-K", [])
    dna = new_model(TransformerConfig(vocabulary_size=10, width=12, layers=1, heads=2, feedforward=20), make_tokenizer("base"))
    with pytest.raises(BadInput, match="expected a protein model, got one with 'base' tokens"):
        mutations(dna, "ACGT", ["A1C"])


def test_pseudo_perplexity_counts_letters_alone() -> None:
    m = model()
    found = pseudo_perplexity(m, [SEQUENCE, "G", "XX"], batch_tokens=20)
    nats = log_likelihood(m, [SEQUENCE, "G"], "masked")
    np.testing.assert_allclose(found[:2], np.exp(-nats / [13, 1]), rtol=1e-5)
    assert np.isnan(found[2])
    np.testing.assert_allclose(pseudo_perplexity(m, ["G", SEQUENCE]), found[[1, 0]], rtol=1e-5)
    with pytest.raises(BadInput, match="A causal model has a true perplexity"):
        pseudo_perplexity(model(causal=True), ["MK"])


@pytest.mark.parametrize(("length", "longest"), [(5, 9), (9, 9), (30, 9), (31, 8)])
def test_windows_hold_their_stretch(length: int, longest: int) -> None:
    for first in range(length):
        for last in range(first, min(first + longest, length) + 1):
            start, stop = centred(length, first, last, longest)
            assert 0 <= start <= first <= last <= stop <= length
            assert stop - start == min(length, longest)
            if start > 0 and stop < length:
                assert abs((first - start) - (stop - last)) <= 2
