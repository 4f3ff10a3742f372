"""FAULTS F27: memory runs out above four sequences. The step is cut into smaller passes; what is learnt stays the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from glmkit.errors import ResourceError
from glmkit.models import TransformerConfig, new_model
from glmkit.tokens import BaseTokenizer
from glmkit.train import FitResult, MaskedLanguageModel, TrainConfig, fit
from glmkit.train.distributed.ddp import ProcessGroup
from glmkit.train.loop._fit import fit_in_team
from glmkit.train.loop.microbatches import out_of_memory
from tests.faults.tiny_run import SETTINGS, Letters

CPU = "[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def model() -> Any:
    return new_model(TransformerConfig(vocabulary_size=10, width=8, layers=2, heads=2, feedforward=12), BaseTokenizer(), seed=1)


def refuse(most: int, error: Exception, backward: bool = False) -> tuple[Any, list[int]]:
    """A model that runs out of memory above so many sequences: forward, or half-way through the backward pass."""
    small, seen = model(), []

    def forward(network: Any, arguments: tuple[Any, ...]) -> None:
        seen.append(len(arguments[1]) - 1)
        if seen[-1] > most and not backward:
            raise error

    def half_way(block: Any, into: Any, out: Any) -> None:
        if seen[-1] > most and backward:
            raise error

    small.network.register_forward_pre_hook(forward)
    small.network.layers[0].register_full_backward_hook(half_way)
    return small, seen


def run(small: Any, folder: Path | None = None, **settings: Any) -> FitResult:
    config = TrainConfig(**SETTINGS | {"batch_tokens": 80, "steps": 6} | settings)
    return fit(small, Letters(), MaskedLanguageModel(0.3, reverse_complement=True), config, folder=folder, validation=Letters(1))


@pytest.mark.parametrize("accumulation", [1, 3])
@pytest.mark.parametrize(
    ("error", "backward"),
    [(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), False), (RuntimeError(CPU), True)],
)
def test_F27_halves_with_the_same_effective_batch(error: Exception, backward: bool, accumulation: int) -> None:
    whole = model()
    expected = run(whole, accumulation=accumulation)
    assert expected.pass_tokens is None
    small, seen = refuse(4, error, backward)
    with pytest.warns(UserWarning, match=r"Out of memory in a pass of \d+ tokens \(\d+ sequences\). From now on") as caught:
        result = run(small, accumulation=accumulation)
    assert max(seen) > 4
    assert result.pass_tokens is not None
    assert result.pass_tokens < 50
    assert result.tokens == expected.tokens
    assert 1 <= len(caught) <= 3, "the size is remembered"
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(small.state_dict()[name], tensor, atol=2e-6, rtol=1e-4)
    lines = result.history.loss.dropna().to_numpy()
    assert lines == pytest.approx(expected.history.loss.dropna().to_numpy(), rel=1e-5)
    assert result.history.pass_tokens.iloc[-2] == result.pass_tokens
    assert result.best_validation == pytest.approx(expected.best_validation, rel=1e-5)


def test_F27_the_size_outlives_a_resume(tmp_path: Path) -> None:
    error = torch.OutOfMemoryError("CUDA out of memory.")
    with pytest.warns(UserWarning, match="Out of memory"):
        run(refuse(4, error)[0], tmp_path, schedule="constant", warmup=0.0)
    small, seen = refuse(4, error)
    result = run(small, tmp_path, schedule="constant", warmup=0.0, steps=9, validate_every=50)
    assert result.resumed_from == 6
    assert max(seen[:-10]) <= 4, "no pass fails again"
    assert result.pass_tokens is not None


def test_F27_a_single_sequence_that_does_not_fit() -> None:
    small, _ = refuse(0, RuntimeError(CPU))
    with (
        pytest.warns(UserWarning, match="Out of memory"),
        pytest.raises(
            ResourceError, match=r"on a single sequence of \d+ tokens: .enforce.*checkpoint_activations=True"
        ) as caught,
    ):
        run(small)
    assert caught.value.exit_code == 5


@pytest.fixture
def group() -> Iterator[None]:
    """A process group of one, without a network."""
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.usefixtures("group")
def test_F27_under_torchs_wrapper() -> None:
    """Gradients are exchanged in the last pass of a step only, so every other one, and its forward pass, may be cut."""
    whole, objective = model(), MaskedLanguageModel(0.3, reverse_complement=True)
    expected = run(whole, accumulation=3)
    config = TrainConfig(**SETTINGS | {"batch_tokens": 80, "steps": 6, "accumulation": 3})
    small, _ = refuse(4, torch.OutOfMemoryError("CUDA out of memory."))
    with pytest.warns(UserWarning, match="Out of memory in a pass"):
        result = fit_in_team(small, Letters(), objective, config, ProcessGroup(shard=False), validation=Letters(1))
    assert result.pass_tokens is not None
    assert result.best_validation == pytest.approx(expected.best_validation, rel=1e-5)
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(small.state_dict()[name], tensor, atol=2e-6, rtol=1e-4)


@pytest.mark.usefixtures("group")
def test_F27_a_spread_model_says_what_to_set() -> None:
    config = TrainConfig(**SETTINGS | {"batch_tokens": 80})
    small, _ = refuse(4, torch.OutOfMemoryError("CUDA out of memory."))
    with pytest.raises(
        ResourceError, match=r"whose gradients are exchanged with other processes: .*batch_tokens=\d+. and double"
    ):
        fit_in_team(small, Letters(), MaskedLanguageModel(0.3), config, ProcessGroup(shard=True))


def test_other_errors_pass() -> None:
    small, _ = refuse(0, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        run(small)
    assert not out_of_memory(ValueError("no"))
    assert out_of_memory(MemoryError())
