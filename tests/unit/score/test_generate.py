"""New sequences: letters only, by seed, whatever is drawn beside them, from the distribution that was asked for."""

from typing import Any

import numpy as np
import pytest
import torch

from glmkit.errors import BadInput
from glmkit.models import LanguageModel, LSTMConfig, TransformerConfig, new_model
from glmkit.models.networks.mlstm import MLSTMConfig
from glmkit.score import generate
from glmkit.score.windows.sampling import Sampling, draw, probabilities
from glmkit.tokens import make_tokenizer

SHAPE: dict[str, Any] = {"width": 24, "layers": 2, "heads": 3, "feedforward": 40}


def lively(model: LanguageModel) -> LanguageModel:
    """Fresh weights say almost the same everywhere; larger ones do not."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    return model


def dna(causal: bool = True) -> LanguageModel:
    return lively(new_model(TransformerConfig(vocabulary_size=10, causal=causal, **SHAPE), make_tokenizer("base"), seed=4))


def protein(cell: Any = None) -> LanguageModel:
    tokenizer = make_tokenizer("protein")
    if cell == "mlstm":
        return lively(new_model(MLSTMConfig(vocabulary_size=33, width=12, layers=2), tokenizer, seed=1))
    if cell:
        return lively(new_model(LSTMConfig(vocabulary_size=33, width=12, cell=cell, causal=True), tokenizer, seed=1))
    return lively(new_model(TransformerConfig(vocabulary_size=33, causal=True, **SHAPE), tokenizer, seed=1))


def test_letters_only_and_the_prompt_first() -> None:
    out = generate(dna(), 7, "acg", length=19, temperature=4.0)
    assert [len(sequence) for sequence in out] == [19] * 7
    assert all(sequence.startswith("ACG") for sequence in out)
    assert set("".join(out)) == set("ACGT")
    assert len(set(out)) == 7
    assert generate(dna(), 1, "ACGTT", length=5) == ["ACGTT"]


def test_a_seed_decides_whatever_the_number_and_the_batch() -> None:
    model = dna()
    out = generate(model, 9, length=31, seed=5)
    assert generate(model, 9, length=31, seed=5, batch_tokens=70) == out
    assert generate(model, 4, length=31, seed=5) == out[:4]
    assert generate(model, 9, length=31, seed=6) != out
    assert model.train().training
    assert generate(model, 2, length=31, seed=5) == out[:2]
    assert all(part.training for part in model.modules())


def step_by_step(model: LanguageModel, start: list[int], length: int) -> list[int]:
    """The likeliest letter (or end), again and again, each time reading everything."""
    allowed = np.flatnonzero(model.tokenizer.maskable).tolist() + list(model.tokenizer.suffix)
    ids = list(start)
    while len(ids) < length:
        with torch.no_grad():
            logits = model.logits(torch.tensor(ids), torch.tensor([0, len(ids)]))[-1]
        ids.append(max(allowed, key=lambda token: logits[token].item()))
        if ids[-1] in model.tokenizer.suffix:
            return ids[:-1]
    return ids


@pytest.mark.parametrize("cell", [None, "lstm", "gru", "rnn", "mlstm"])
def test_the_likeliest_letter_by_hand(cell: Any) -> None:
    model = protein(cell)
    start = [*model.tokenizer.prefix, *model.tokenizer.encode("MKV").tolist()]
    expected = model.tokenizer.decode(np.array(step_by_step(model, start, 26)))
    assert generate(model, 2, "MKV", length=25, top_k=1) == [expected] * 2
    assert generate(model, 1, "MKV", length=25, temperature=1e-6) == [expected]


def test_an_end_token_ends_a_sequence_and_not_the_others() -> None:
    model = protein()
    end = model.tokenizer.suffix[0]
    model.head.decoder = torch.nn.Linear(24, 33, bias=True)
    with torch.no_grad():
        model.head.decoder.weight.zero_()
    model.head.bias = torch.nn.Parameter(torch.zeros(33))
    model.head.bias.data[end] = np.log(20 / 4)  # one end for every four letters: it ends with probability 1 in 5
    lengths = [len(sequence) for sequence in generate(model, 400, length=60)]
    assert 0 in lengths
    assert 3.2 < np.mean(lengths) < 4.8  # expected: 4
    with torch.no_grad():
        model.head.bias[end] = -1e9
    assert {len(sequence) for sequence in generate(model, 12, length=60)} == {60}


def test_the_first_letter_without_a_start_token_is_uniform() -> None:
    first = [sequence[0] for sequence in generate(dna(), 600, length=1)]
    assert all(115 < first.count(letter) < 185 for letter in "ACGT")


def test_top_k_and_top_p_by_hand() -> None:
    logits = np.log(np.array([[0.4, 0.1, 0.3, 0.15, 0.05, 9.0]]))
    allowed = np.array([True] * 5 + [False])

    def rounded(**options: Any) -> list[float]:
        return probabilities(logits, allowed, Sampling(**options))[0].round(4).tolist()

    assert rounded() == [0.4, 0.1, 0.3, 0.15, 0.05, 0]
    assert rounded(top_k=2) == [0.5714, 0, 0.4286, 0, 0, 0]
    assert rounded(top_p=0.71) == [0.4706, 0, 0.3529, 0.1765, 0, 0]
    assert rounded(top_p=0.4) == [1, 0, 0, 0, 0, 0]
    assert rounded(top_k=3, top_p=0.5) == [0.5714, 0, 0.4286, 0, 0, 0]  # 0.4 / 0.85 = 0.47 is not enough on its own
    np.testing.assert_allclose(rounded(temperature=0.5)[:2], np.array([0.16, 0.01]) / 0.285, atol=1e-4)


def test_what_is_drawn_follows_the_distribution() -> None:
    distribution = np.tile([0.0, 0.5, 0.2, 0.3, 0.0], (4000, 1))
    drawn = draw(distribution, [np.random.default_rng([7, i]) for i in range(4000)])
    counts = np.bincount(drawn, minlength=5) / 4000
    np.testing.assert_allclose(counts, distribution[0], atol=0.03)
    assert counts[0] == counts[4] == 0


def test_a_masked_model_fills_in_masks() -> None:
    model = dna(causal=False)
    out = generate(model, 5, "GG", length=17, steps=6, seed=3)
    assert [len(sequence) for sequence in out] == [17] * 5
    assert all(sequence.startswith("GG") for sequence in out)
    assert set("".join(out)) == set("ACGT")
    assert generate(model, 3, "GG", length=17, steps=6, seed=3, batch_tokens=20) == out[:3]
    assert generate(model, 1, "GG", length=17, steps=100, seed=3) != out[:1]
    with torch.no_grad():
        ids = torch.full((4,), model.tokenizer.mask_id)
        likeliest = model.logits(ids, torch.tensor([0, 4]))[:, 4:8].argmax(-1).numpy() + 4
    assert generate(model, 2, length=4, steps=1, top_k=1) == [model.tokenizer.decode(likeliest)] * 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temperature": 0.0}, "temperature: expected a number above 0, got 0.0. For greedy decoding use top_k=1"),
        ({"temperature": float("nan")}, "temperature: expected a number above 0, got nan"),
        ({"top_p": 0.0}, "top_p: expected a probability above 0 and at most 1, got 0.0"),
        ({"top_p": 1.01}, "top_p: .* got 1.01"),
        ({"top_k": -1}, r"top_k: expected 0 \(all tokens\) or more, got -1"),
        ({"n": 0}, "n: expected 1 or more, got 0"),
        ({"length": 0}, "length: expected 1 or more, got 0"),
        ({"seed": -3}, "seed: expected 0 or more, got -3"),
        ({"steps": 4}, "steps=4 is for masked models; this one is causal"),
        ({"prompt": "ACGTACGTA"}, "length: expected at least 9, the tokens of the prompt, got 8"),
        ({"length": 1025}, "length: 1025 tokens exceed the model's context of 1024. Use at most 1024"),
    ],
)
def test_bad_numbers(options: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        generate(dna(), **({"n": 2, "length": 8} | options))


def test_other_bad_inputs() -> None:
    with pytest.raises(BadInput, match="got 'Q' at position 2") as caught:
        generate(dna(), 1, "ACQ", length=9)
    assert "This occurred in the prompt." in caught.value.__notes__
    with pytest.raises(BadInput, match="This model is masked and cannot continue a prompt"):
        generate(dna(causal=False), 1, length=9)
    with pytest.raises(BadInput, match=r"1023 tokens and 2 special ones exceed the model's context of 1024. Use at most 1022"):
        generate(protein(), 1, length=1023)
    kmers = make_tokenizer("kmer3")
    shape = TransformerConfig(vocabulary_size=len(kmers.vocabulary), causal=True, **SHAPE)
    with pytest.raises(BadInput, match="Overlapping k-mers share bases"):
        generate(new_model(shape, kmers), 1, length=9)
