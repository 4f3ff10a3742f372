"""Analytical estimate of the GPU hours, memory, storage, traffic and cost of a large pretraining run.

Six operations per parameter and token are counted (two forward, four backward; Kaplan et al. 2020, arXiv:2001.08361). Attention
adds twelve per layer, unit of width and token of context. A GPU reaches a fraction of its peak, the model FLOPs utilisation (MFU;
Chowdhery et al. 2022, arXiv:2204.02311). Memory and traffic are those of `fit_distributed`: weights, gradients and both moments
of AdamW in float32, and passes in bf16. Activations follow Korthikanti et al. 2022 (arXiv:2205.05198), without stored attention
maps. Estimates are accurate to some tens of percent. If a model and a machine are available, `preflight` measures instead.
"""

from dataclasses import dataclass

from glmkit.errors import BadInput

STATE_BYTES = 16  # per parameter: weight, gradient and two moments, float32 each
COPY_BYTES = 6  # per parameter present in full: gradient buffer for communication (float32), and weight in bf16
BLOCKS = 2  # blocks of a sharded model that are gathered at once: the current one and the next
CHECKPOINT_BYTES = 12  # per parameter: weight and two moments
ACTIVATION_BYTES = 34  # per token, layer and unit of width
KEPT_BYTES = 2  # the same under activation checkpointing: the input of a layer in bf16
WORD = 4  # bytes of a communicated weight or gradient


@dataclass(frozen=True, kw_only=True)
class Machine:  # numpydoc ignore=PR02
    """Performance, network and cost of a type of GPU.

    Parameters
    ----------
    name
        Name in tables.
    flops
        Peak throughput in dense bf16 operations per second.
    memory
        Memory in bytes.
    network
        Bandwidth between nodes per GPU, with all GPUs sending, in bytes per second.
    price
        Price of one GPU hour, host and network included, in units of currency.
    watts
        Power of one GPU in watts, with its share of host and cooling.
    """

    name: str
    flops: float
    memory: float
    network: float
    price: float
    watts: float


H100 = Machine(name="H100 SXM", flops=989e12, memory=80e9, network=50e9, price=2.5, watts=1000.0)


@dataclass(frozen=True, kw_only=True)
class LargeRun:  # numpydoc ignore=PR02
    """Description of a pretraining run.

    Parameters
    ----------
    width, depth
        Width and number of layers of a Transformer, which has about ``12 * width**2 * depth`` parameters.
    tokens
        Total number of training tokens, repeats included.
    context
        Length of a sequence in tokens, with full attention.
    batch_tokens
        Tokens per optimiser step over all GPUs.
    pass_tokens
        Tokens per micro-batch on one GPU.
    gpus
        Number of GPUs.
    mfu
        Model FLOPs utilisation, the fraction of its peak that a GPU reaches, in (0, 1].
    shard
        Whether state is sharded over the GPUs (``fit_distributed(..., shard=True)``) instead of replicated.
    recompute
        Whether activations are recomputed in the backward pass (``checkpoint_activations``), for a third more operations.
    token_bytes
        Bytes of one token on disk: 1 for a vocabulary up to 256, 2 up to 65,536.

    Examples
    --------
    >>> from glmkit.train import LargeRun
    >>> run = LargeRun(width=1024, depth=24, tokens=1e11)
    >>> f"{run.parameters:.3g}"
    '3.02e+08'
    """

    width: int
    depth: int
    tokens: float
    context: int = 1024
    batch_tokens: float = 4e6
    pass_tokens: int = 16_384
    gpus: int = 64
    mfu: float = 0.4
    shard: bool = False
    recompute: bool = False
    token_bytes: int = 1

    def __post_init__(self) -> None:
        """Check every number.

        Raises
        ------
        BadInput
            A value that is not above 0, or `mfu` above 1.
        """
        for name, value in vars(self).items():
            if not isinstance(value, bool) and not value > 0:
                raise BadInput(f"{name} must be above 0, got {value!r}.")
        if self.mfu > 1:
            raise BadInput(f"mfu: expected a fraction of the peak, at most 1, got {self.mfu!r}.")

    @property
    def parameters(self) -> float:
        """Number of parameters of the layers; embeddings of a small vocabulary are neglected."""
        return 12.0 * self.width**2 * self.depth


@dataclass(frozen=True, kw_only=True)
class Budget:  # numpydoc ignore=PR02
    """Estimated requirements of a run.

    Parameters
    ----------
    parameters, flops
        Number of parameters, and operations of the whole run without recomputation.
    gpu_hours, days, price, kilowatt_hours
        GPU hours, duration, cost and energy of the whole run.
    tokens_per_second
        Throughput over all GPUs.
    state_bytes, activation_bytes
        Peak memory per GPU in bytes: weights, gradients, optimiser and communication buffers; and activations of one pass.
    fits
        Whether both fit in the memory of a GPU with a tenth of it free.
    data_bytes, checkpoint_bytes
        Storage of all tokens, and of one checkpoint, in bytes.
    steps
        Number of optimiser steps.
    traffic_bytes, traffic_share
        Bytes sent by one GPU per step, and their transfer time relative to the step's computation, without overlap.
    """

    parameters: float
    flops: float
    gpu_hours: float
    days: float
    price: float
    kilowatt_hours: float
    tokens_per_second: float
    state_bytes: float
    activation_bytes: float
    fits: bool
    data_bytes: float
    checkpoint_bytes: float
    steps: float
    traffic_bytes: float
    traffic_share: float


def training_budget(run: LargeRun, machine: Machine = H100) -> Budget:
    """Estimate the requirements of a run on a type of machine.

    Parameters
    ----------
    run
        Model, data and training settings.
    machine
        Type of GPU.

    Returns
    -------
    Budget
        Traffic is that of ring communication. Replicated state: all-reduce of gradients (2 x 4 bytes per parameter). Sharded
        state: all-gather of weights in the forward and backward pass of each micro-batch, and reduce-scatter of gradients
        (3 x 4 bytes per parameter).

    Examples
    --------
    >>> from glmkit.train import LargeRun, training_budget
    >>> budget = training_budget(LargeRun(width=1024, depth=24, tokens=1e11, gpus=8))
    >>> round(budget.gpu_hours), budget.fits
    (148, True)
    """
    size = run.parameters
    a_token = 6 * size + 12 * run.depth * run.width * run.context
    flops = a_token * run.tokens
    work = flops * (4 / 3 if run.recompute else 1)
    seconds = work / (run.gpus * machine.flops * run.mfu)
    hours = seconds * run.gpus / 3600
    kept = KEPT_BYTES * run.depth + ACTIVATION_BYTES if run.recompute else ACTIVATION_BYTES * run.depth
    activations = float(kept * run.width * run.pass_tokens)
    whole = BLOCKS * size / run.depth if run.shard else size  # parameters present in full
    state = STATE_BYTES * size / (run.gpus if run.shard else 1) + (COPY_BYTES + (WORD if run.shard else 0)) * whole
    passes = max(1.0, run.batch_tokens / (run.gpus * run.pass_tokens))
    ring = (run.gpus - 1) / run.gpus * WORD * size
    traffic = 3 * passes * ring if run.shard else 2 * ring
    steps = run.tokens / run.batch_tokens
    return Budget(
        parameters=size,
        flops=flops,
        gpu_hours=hours,
        days=seconds / 86_400,
        price=hours * machine.price,
        kilowatt_hours=hours * machine.watts / 1000,
        tokens_per_second=run.tokens / seconds,
        state_bytes=state,
        activation_bytes=activations,
        fits=state + activations <= 0.9 * machine.memory,
        data_bytes=run.tokens * run.token_bytes,
        checkpoint_bytes=CHECKPOINT_BYTES * size,
        steps=steps,
        traffic_bytes=traffic,
        traffic_share=traffic / machine.network / (seconds / steps),
    )
