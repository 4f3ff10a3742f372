"""The loop learns, adds up exactly, stops when told, and says what it did.

Covers ``glmkit.train.loop.divergence``, ``glmkit.train.loop.history``, ``glmkit.train.loop.precision``,
``glmkit.train.loop.run``, ``glmkit.train.loop.state``.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from glmkit.errors import BadInput
from glmkit.models import LSTMConfig, TransformerConfig, new_classifier, new_model, new_token_classifier, weights_hash
from glmkit.tokens import BaseTokenizer, make_tokenizer
from glmkit.train import CausalLanguageModel, Classification, MaskedLanguageModel, TrainConfig, fit
from glmkit.train.loop.optimiser import make_optimiser
from glmkit.train.objectives.base import Examples
from glmkit.train.objectives.batches import Batch
from glmkit.train.objectives.reverse_complement import complement_table, random_strands


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums this small gain nothing from a second thread, and lose much where another process has the core."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Corpus:
    """Sequences in memory."""

    def __init__(self, items: list[np.ndarray]) -> None:
        self.items, self.lengths = items, np.array([len(item) for item in items])
        self.hash = str(hash(tuple(map(bytes, items))))

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.items[index]


def repeats(n: int = 40, length: int = 24) -> Corpus:
    """ACGTACGT… from a random phase: any token follows from its neighbours."""
    tokenizer = BaseTokenizer()
    return Corpus([tokenizer.encode(("ACGT" * length)[phase % 4 : phase % 4 + length - phase % 3]) for phase in range(n)])


def model_of(causal: bool = False, dropout: float = 0.0, lstm: bool = False) -> Any:
    if lstm:
        return new_model(LSTMConfig(vocabulary_size=10, width=32, layers=1, causal=causal), BaseTokenizer(), seed=1)
    shape = TransformerConfig(vocabulary_size=10, width=32, layers=2, heads=2, feedforward=48, causal=causal, dropout=dropout)
    return new_model(shape, BaseTokenizer(), seed=1)


def config(**settings: Any) -> TrainConfig:
    return TrainConfig(
        **({"steps": 60, "learning_rate": 3e-3, "batch_tokens": 400, "device": "cpu", "precision": "float32"} | settings)
    )


@pytest.mark.parametrize("lstm", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_it_learns_what_can_be_learnt(causal: bool, lstm: bool) -> None:
    objective = CausalLanguageModel() if causal else MaskedLanguageModel()
    model = model_of(causal=causal, lstm=lstm)
    result = fit(model, repeats(), objective, config(steps=120), validation=repeats(8))
    last = result.history.validation_loss.dropna().iloc[-1]
    assert last < (0.3 if causal else 0.95), "1.39 nats is chance"
    assert result.history.validation_accuracy.dropna().iloc[-1] > (0.9 if causal else 0.6)
    assert result.best_validation == pytest.approx(last)
    assert not model.training


def test_it_classifies() -> None:
    rng = np.random.default_rng(0)
    items = [rng.integers(4, 8, 15).astype(np.uint8) for _ in range(60)]
    labels = np.array([int(item[7] == 4) for item in items])
    classifier = new_classifier(model_of(), ["other", "A in the middle"], pool="centre", dropout=0.0)
    objective = Classification(labels, class_weights=[1.0, 3.0])
    result = fit(
        classifier, Corpus(items), objective, config(steps=100), validation=(Corpus(items[:20]), Classification(labels[:20]))
    )
    assert result.history.validation_accuracy.dropna().iloc[-1] == 1.0


def test_accumulation_is_one_large_batch() -> None:
    """Four passes over unequal numbers of scored positions give the gradient of their union."""
    corpus, objective = repeats(), MaskedLanguageModel(0.3)
    gradients = []
    for parts in (1, 4):
        model = model_of()
        losses = []
        for indices in np.array_split(np.arange(10), parts):
            items = [corpus[int(index)] for index in indices]
            batch = Batch(indices, np.concatenate(items), np.r_[0, np.cumsum([len(item) for item in items])], None)
            losses.append((batch, objective))
        total = 0.0
        torch.manual_seed(0)
        fixed = FixedMask()
        for batch, _ in losses:
            loss = fixed.loss(model, batch, np.random.default_rng(0))
            loss.total.backward()
            total += loss.weight
        gradients.append([parameter.grad / total for parameter in model.parameters()])
        assert total == fixed.expected(corpus, 10)
    for one, four in zip(*gradients, strict=True):
        torch.testing.assert_close(one, four, atol=1e-6, rtol=1e-5)


class FixedMask(CausalLanguageModel):
    """A masked objective without chance: every third position is scored, by what it says, unmasked."""

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Any:
        positions = np.flatnonzero(batch.tokens == 4)
        ones = np.ones(len(positions), np.float32)
        return self.score(model, Examples(batch.tokens, batch.boundaries, batch.tokens[positions], ones, positions))

    def expected(self, corpus: Corpus, n: int) -> int:
        return sum(int((corpus[index] == 4).sum()) for index in range(n))


def test_same_seed_same_weights_and_the_global_generator_is_left_alone() -> None:
    hashes = []
    for seed in (3, 3, 5):
        model = model_of(dropout=0.1)
        torch.manual_seed(8)
        before = torch.get_rng_state()
        fit(model, repeats(), MaskedLanguageModel(reverse_complement=True), config(steps=4, seed=seed))
        assert torch.equal(torch.get_rng_state(), before)
        hashes.append(weights_hash(model))
    assert hashes[0] == hashes[1] != hashes[2]


def test_log_lines() -> None:
    lines: list[tuple[int, dict[str, float]]] = []
    result = fit(
        model_of(), repeats(), MaskedLanguageModel(), config(steps=7, log_every=3, validate_every=4, warmup=0.5), validation=repeats(4),
        log=lambda step, **metrics: lines.append((step, metrics)),
    )  # fmt: skip
    assert [step for step, _ in lines] == [3, 4, 6, 7, 7]
    train = {"loss", "learning_rate", "gradient_norm", "tokens_per_second", "memory_gb", "eta_seconds"}
    assert set(lines[0][1]) == train
    assert set(lines[1][1]) == {"validation_loss", "validation_accuracy"}
    assert lines[0][1]["learning_rate"] == pytest.approx(3e-3 * 3 / 4)
    assert lines[3][1]["eta_seconds"] == 0
    assert list(result.history.step) == [3, 4, 6, 7, 7]
    assert (result.reason, result.steps, result.resumed_from, result.precision) == ("finished", 7, None, "float32")
    assert result.tokens == pytest.approx(7 * 300, rel=0.1)


def test_stop_and_minutes() -> None:
    asked: list[int] = []
    result = fit(model_of(), repeats(), MaskedLanguageModel(), config(), stop=lambda: asked.append(1) or len(asked) == 3)
    assert (result.reason, result.steps) == ("stopped", 3)
    result = fit(model_of(), repeats(), MaskedLanguageModel(), config(minutes=1e-9))
    assert (result.reason, result.steps) == ("minutes", 1)


def test_patience_gives_back_the_best_weights() -> None:
    model = model_of()
    kept: dict[int, str] = {}
    settings = config(steps=60, validate_every=5, patience=2, log_every=5, learning_rate=0.3, warmup=0.0, schedule="constant")
    result = fit(
        model,
        repeats(),
        MaskedLanguageModel(),
        settings,
        validation=repeats(9),
        log=lambda step, **m: kept.update({step: weights_hash(model)}),
    )
    assert result.reason == "early stopping"
    assert result.steps == result.best_step + 10
    assert weights_hash(model) == kept[result.best_step] != kept[result.steps]


def test_bf16_says_so_and_learns() -> None:
    result = fit(model_of(), repeats(), MaskedLanguageModel(), config(steps=120, precision="bf16"), validation=repeats(8))
    assert result.precision == "bf16"
    assert result.best_validation is not None
    assert result.best_validation < 0.95


def test_decay_spares_norms_biases_and_embeddings() -> None:
    model = new_classifier(model_of(), ["a", "b"])
    decayed, spared = make_optimiser(model, config(weight_decay=0.3)).param_groups
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert {names[id(p)].rsplit(".", 2)[-2] for p in decayed["params"]} == {"qkv", "out", "up", "down", "dense"}
    assert decayed["weight_decay"] == 0.3
    assert spared["weight_decay"] == 0
    assert "network.embedding.weight" in {names[id(p)] for p in spared["params"]}
    assert len(decayed["params"]) + len(spared["params"]) == len(names)


def test_schedules() -> None:
    rates = {
        name: [config(steps=10, warmup=0.2, schedule=name).rate_at(step) for step in range(10)]
        for name in ("cosine", "linear", "constant")
    }
    for values in rates.values():
        assert values[:3] == pytest.approx([1.5e-3, 3e-3, 3e-3])
        assert min(values) > 0
    assert rates["constant"][9] == 3e-3
    assert rates["linear"][6] == pytest.approx(1.5e-3)
    assert rates["cosine"][6] == pytest.approx(1.5e-3)
    assert rates["cosine"][4] > rates["linear"][4]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"steps": 0}, "steps must be a whole number of 1 or more, got 0"),
        ({"steps": 2.5}, "steps must be a whole number"),
        ({"seed": -1}, "seed must be a whole number of 0 or more, got -1"),
        ({"batch_tokens": 0}, "batch_tokens must be a whole number of 1 or more"),
        ({"learning_rate": float("nan")}, "learning_rate must be a finite number of 0 or more, got nan"),
        ({"warmup": 1.0}, "warmup must be a fraction of the steps"),
        ({"schedule": "step"}, "schedule must be one of cosine, constant, linear, got 'step'"),
        ({"precision": "fp16"}, "precision must be one of auto, float32, bf16"),
        ({"minutes": 0.0}, "minutes must be above 0 or None"),
        ({"betas": (0.9, 1.0)}, "betas must be two numbers"),
    ],
)
def test_a_config_names_what_is_wrong(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        config(**wrong)


def test_model_objective_and_corpus_must_fit() -> None:
    corpus = repeats(6)
    labels = np.zeros(6, int)
    classifier = new_classifier(model_of(), ["a", "b"])
    foreign = repeats(6)
    foreign.tokenizer_hash = "f" * 64  # type: ignore[attr-defined]
    kmers = new_model(
        LSTMConfig(vocabulary_size=len(make_tokenizer("kmer3_apart").vocabulary), width=4), make_tokenizer("kmer3_apart")
    )
    cases: list[tuple[Any, Any, Any, str]] = [
        (model_of(causal=True), corpus, MaskedLanguageModel(), "MaskedLanguageModel does not match the model, which is causal"),
        (model_of(), corpus, CausalLanguageModel(), "CausalLanguageModel does not match the model, which is masked"),
        (classifier, corpus, MaskedLanguageModel(), "needs a LanguageModel, got a Classifier"),
        (model_of(), corpus, Classification(labels), "Classification needs a Classifier"),
        (
            new_token_classifier(model_of(), ["a", "b"]),
            corpus,
            Classification(labels),
            "needs a Classifier, got a TokenClassifier",
        ),
        (classifier, corpus, Classification(labels[:5]), "There are 5 labels for 6 items"),
        (classifier, corpus, Classification(labels + 2), "as the classifier has 2 classes; got 2"),
        (classifier, corpus, Classification(labels, [1.0]), "There are 1 class weights for 2 classes"),
        (model_of(), foreign, MaskedLanguageModel(), "The corpus was made by another tokenizer"),
        (
            kmers,
            corpus,
            MaskedLanguageModel(reverse_complement=True),
            "single bases or overlapping k-mers; these are k-mers apart",
        ),
    ]
    for model, store, objective, words in cases:
        with pytest.raises(BadInput, match=words):
            fit(model, store, objective, config(steps=1))
    with pytest.raises(BadInput, match="Labels must be whole numbers from 0"):
        Classification(np.array([0.5, 1]))


def test_random_strands_turn_tokens_and_weights() -> None:
    tokenizer = BaseTokenizer()
    tokens = tokenizer.encode("AACGN" + "TTT" + "GATTACA")
    batch = Batch(np.arange(3), tokens, np.array([0, 5, 8, 15]), np.arange(15, dtype=np.float32))
    seen = set()
    for seed in range(40):
        turned = random_strands(batch, complement_table(tokenizer), np.random.default_rng(seed))
        text = tokenizer.decode(turned.tokens)
        first = "NCGTT" if turned.weights[0] == 4 else "AACGN"
        assert text[:5] == first
        assert text[5:8] == ("AAA" if turned.weights[5] == 7 else "TTT")
        assert text[8:] == ("TGTAATC" if turned.weights[8] == 14 else "GATTACA")
        seen.add(text)
    assert len(seen) == 8
    assert tokenizer.decode(batch.tokens) == "AACGNTTTGATTACA"
