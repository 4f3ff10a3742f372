"""Scores of mutations equal to plain loops over `transformers`' own ESM, one masked residue and one sequence at a time."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch

from glmkit.bio import parse_mutations
from glmkit.bio.mutation import apply
from glmkit.models import LanguageModel, load
from glmkit.score import landscape, mutations, pseudo_perplexity
from glmkit.tokens import LetterTokenizer

transformers = pytest.importorskip("transformers")

AMINO = "ACDEFGHIKLMNPQRSTVWY"
SEQUENCE = "".join(np.random.default_rng(8).choice(list(AMINO), 37))
Loop = Callable[[str, list[int]], torch.Tensor]  # log-probabilities (tokens, vocab) of a sequence with some residues masked


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Loop, Any, LanguageModel]:
    folder = tmp_path_factory.mktemp("published")
    config = transformers.EsmConfig(
        vocab_size=33,
        mask_token_id=32,
        pad_token_id=1,
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=40,
        max_position_embeddings=1026,
        position_embedding_type="rotary",
        token_dropout=True,
    )
    torch.manual_seed(5)
    theirs = transformers.EsmForMaskedLM(config).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.25 * torch.randn(parameter.shape))
    theirs.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(LetterTokenizer().vocabulary))
    tokenizer = transformers.EsmTokenizer(str(folder / "vocab.txt"))

    @lru_cache(None)
    def one(sequence: str, hidden: tuple[int, ...]) -> torch.Tensor:
        encoded = tokenizer(sequence, return_tensors="pt")
        for residue in hidden:
            encoded["input_ids"][0, residue + 1] = tokenizer.mask_token_id
        with torch.no_grad():
            return theirs(**encoded).logits[0].log_softmax(-1)

    def loop(sequence: str, hidden: list[int]) -> torch.Tensor:
        return one(sequence, tuple(hidden))

    return loop, tokenizer, load(folder, device="cpu")


def everything(sequence: str) -> list[str]:
    return [f"{wild}{i + 1}{new}" for i, wild in enumerate(sequence) for new in AMINO if new != wild]


def log_odds(row: torch.Tensor, tokenizer: Any, wild: str, new: str) -> float:
    return (row[tokenizer.token_to_id(new)] - row[tokenizer.token_to_id(wild)]).item()


def window(site: int, size: int) -> tuple[int, int]:
    """`size` residues with the site in the middle, pushed back in at the ends."""
    start = site - size // 2
    start = 0 if start < 0 else len(SEQUENCE) - size if start + size > len(SEQUENCE) else start
    return start, start + size


@pytest.mark.parametrize("method", ["masked marginals", "wild-type marginals"])
@pytest.mark.parametrize("size", [100, 37, 20, 7])
def test_single_substitutions_in_one_or_several_windows(pair: Any, method: str, size: int) -> None:
    loop, tokenizer, model = pair
    ours = mutations(model, SEQUENCE, everything(SEQUENCE), method, context=size + 2)
    by_hand = []
    for i, wild in enumerate(SEQUENCE):
        start, stop = (0, 37) if size >= 37 else window(i, size)
        hidden = [i - start] if method == "masked marginals" else []
        row = loop(SEQUENCE[start:stop], hidden)[i - start + 1]
        by_hand += [log_odds(row, tokenizer, wild, new) for new in AMINO if new != wild]
    np.testing.assert_allclose(ours["score"], by_hand, atol=2e-5)
    assert np.ptp(by_hand) > 0.5
    heat = landscape(model, SEQUENCE, method, context=size + 2)
    assert heat.dtype == np.float32
    assert heat.shape == (37, 20)
    columns = np.array([AMINO.index(letter) for letter in SEQUENCE])
    assert (heat[np.arange(37), columns] == 0).all()
    np.testing.assert_allclose(heat[np.arange(20) != columns[:, None]], by_hand, atol=2e-5)


def test_an_index_off_by_one_would_show(pair: Any) -> None:
    loop, tokenizer, model = pair
    ours = mutations(model, SEQUENCE, everything(SEQUENCE))["score"].to_numpy()
    for off in (0, 2):  # index i, as where no start token stood, and i + 2
        wrong = [
            log_odds(row, tokenizer, wild, new)
            for i, wild in enumerate(SEQUENCE)
            for row in [loop(SEQUENCE, [i])[i + off]]
            for new in AMINO
            if new != wild
        ]
        assert np.abs(ours - wrong).max() > 0.1


def test_several_sites_one_at_a_time_or_all_at_once(pair: Any) -> None:
    loop, tokenizer, model = pair
    text = f"{SEQUENCE[3]}4W:{SEQUENCE[30]}31K:{SEQUENCE[11]}12A"
    sites = [(3, "W"), (30, "K"), (11, "A")]
    summed = sum(log_odds(loop(SEQUENCE, [i])[i + 1], tokenizer, SEQUENCE[i], new) for i, new in sites)
    together = loop(SEQUENCE, [3, 11, 30])
    joint = sum(log_odds(together[i + 1], tokenizer, SEQUENCE[i], new) for i, new in sites)
    assert mutations(model, SEQUENCE, [text])["score"][0] == pytest.approx(summed, abs=2e-5)
    found = mutations(model, SEQUENCE, [text, f"{SEQUENCE[3]}4W"], "masked marginals, joint")
    assert found["score"][0] == pytest.approx(joint, abs=2e-5)
    assert found["score"][1] == pytest.approx(log_odds(loop(SEQUENCE, [3])[4], tokenizer, SEQUENCE[3], "W"), abs=2e-5)
    assert found["n_sites"].tolist() == [3, 1]
    assert abs(summed - joint) > 1e-3


def test_the_joint_window_has_all_sites_around_its_centre(pair: Any) -> None:
    loop, tokenizer, model = pair
    found = mutations(model, SEQUENCE, [f"{SEQUENCE[12]}13W:{SEQUENCE[19]}20K"], "masked marginals, joint", context=14)
    table = loop(SEQUENCE[10:22], [2, 9])
    by_hand = log_odds(table[3], tokenizer, SEQUENCE[12], "W") + log_odds(table[10], tokenizer, SEQUENCE[19], "K")
    assert found["score"][0] == pytest.approx(by_hand, abs=2e-5)
    assert found["residues_read"][0] == 12


def pseudo(loop: Loop, tokenizer: Any, sequence: str) -> float:
    return sum(loop(sequence, [i])[i + 1, tokenizer.token_to_id(letter)].item() for i, letter in enumerate(sequence))


def test_pseudo_likelihood_serves_indels(pair: Any) -> None:
    loop, tokenizer, model = pair
    protein = SEQUENCE[:15]
    a, b = protein[5], protein[6]
    texts = [f"{a}6del", f"{a}6_{b}7insKLW", f"{a}6_{b}7delinsP", f"{a}6W:{protein[12]}13del", f"{a}6W"]
    wild = pseudo(loop, tokenizer, protein)
    by_hand = [pseudo(loop, tokenizer, apply(protein, parse_mutations(text))) - wild for text in texts]
    found = mutations(model, protein, texts, "pseudo-likelihood")
    np.testing.assert_allclose(found["score"], by_hand, atol=2e-4)
    assert (found["residues_read"] == 15).all()


def test_pseudo_likelihood_beyond_the_context_reads_one_stretch_of_both(pair: Any) -> None:
    loop, tokenizer, model = pair
    a, b = SEQUENCE[17], SEQUENCE[18]
    found = mutations(model, SEQUENCE, [f"{a}18_{b}19insKLW"], "pseudo-likelihood", context=15)
    wild = SEQUENCE[13:23]  # 10 residues, so that the mutant's 13 fit
    by_hand = pseudo(loop, tokenizer, wild[:5] + "KLW" + wild[5:]) - pseudo(loop, tokenizer, wild)
    assert found["score"][0] == pytest.approx(by_hand, abs=1e-4)
    assert found["residues_read"][0] == 10


@pytest.mark.parametrize("length", [1, 12, 37])
def test_pseudo_perplexity(pair: Any, length: int) -> None:
    loop, tokenizer, model = pair
    sequence = SEQUENCE[:length]
    by_hand = np.exp(-pseudo(loop, tokenizer, sequence) / length)
    assert pseudo_perplexity(model, [sequence], context=39)[0] == pytest.approx(by_hand, rel=1e-5)
    shifted = -sum(loop(sequence, [i])[i, tokenizer.token_to_id(letter)].item() for i, letter in enumerate(sequence)) / length
    assert abs(np.exp(shifted) - by_hand) > 1e-2
