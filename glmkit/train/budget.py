"""Before a cluster is asked for: what a large pretraining needs in GPUs, hours, bytes and money, by plain arithmetic.

Six operations a parameter and token (two forward, four backward; Kaplan et al. 2020, arXiv:2001.08361) and twelve a layer, width
and token of context for attention; a GPU reaches a share of its peak (MFU; Chowdhery et al. 2022, arXiv:2204.02311). Memory and
traffic follow from how `fit_distributed` works: weights, gradients and both averages of AdamW in float32, passes in bf16.
Activations are those of Korthikanti et al. 2022 (arXiv:2205.05198) without stored attention maps. Good to some tens of percent,
like every such estimate: `preflight` measures where a model and a machine are at hand.
"""

from dataclasses import dataclass

from glmkit.errors import BadInput

STATE_BYTES = 16  # a parameter: weight, gradient, two averages, float32 each
COPY_BYTES = 6  # a parameter of a whole model: the gradient on its way to the others, and the weight in bf16 for a pass
BLOCKS = 2  # of a spread model that are gathered at once: the one at work, and the next
CHECKPOINT_BYTES = 12  # a parameter: weight and two averages
ACTIVATION_BYTES = 34  # a token, layer and unit of width
KEPT_BYTES = 2  # the same where a layer's insides are computed again: its input in bf16
WORD = 4  # bytes of a weight or gradient on the wire


@dataclass(frozen=True, kw_only=True)
class Machine:  # numpydoc ignore=PR02
    """A kind of GPU, where it sits, and what it costs.

    Parameters
    ----------
    name
        For tables.
    flops
        Its peak, bf16 operations a second, dense.
    memory
        Bytes.
    network
        Bytes a second that one GPU can send to another node while all of them do.
    price
        Of one GPU for an hour, host and network included.
    watts
        Of one GPU, its share of host and cooling included.
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
    """A pretraining to be reckoned.

    Parameters
    ----------
    width, depth
        Of a Transformer; it has about ``12 * width**2 * depth`` parameters.
    tokens
        Read in all, repeats included.
    context
        Tokens of a sequence, which attention works over in full.
    batch_tokens
        Of one step over all GPUs.
    pass_tokens
        Of one pass of one GPU.
    gpus
        How many.
    mfu
        The share of its peak that a GPU reaches.
    shard
        Whether state is spread over the GPUs (``fit_distributed(..., shard=True)``) instead of a copy on each.
    recompute
        Whether layers are computed again in the backward pass (``checkpoint_activations``): a third more operations.
    token_bytes
        Of one token on disk: 1 for a vocabulary up to 256, 2 up to 65,536.
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
            One is not above 0, or `mfu` is above 1.
        """
        for name, value in vars(self).items():
            if not isinstance(value, bool) and not value > 0:
                raise BadInput(f"{name} must be above 0, got {value!r}.")
        if self.mfu > 1:
            raise BadInput(f"mfu is a share of the peak, at most 1, got {self.mfu!r}.")

    @property
    def parameters(self) -> float:
        """Weights of the layers; embeddings of a small vocabulary are left out."""
        return 12.0 * self.width**2 * self.depth


@dataclass(frozen=True, kw_only=True)
class Budget:  # numpydoc ignore=PR02
    """What a run needs.

    Parameters
    ----------
    parameters, flops
        Of the model; of the whole run, as the mathematics asks for (recomputing not counted).
    gpu_hours, days, price, kilowatt_hours
        Of the whole run.
    tokens_per_second
        Over all GPUs.
    state_bytes, activation_bytes
        On each GPU, at its largest; of weights, gradients, optimiser and their copies on the way, and of one pass.
    fits
        Whether a GPU holds both, a tenth of it kept free.
    data_bytes, checkpoint_bytes
        On disk: all tokens; one checkpoint.
    steps
        Of the optimiser.
    traffic_bytes, traffic_share
        What one GPU sends in a step; how long that takes, as a share of the step's computing, if nothing is overlapped.
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
    """Reckon a run on a kind of machine.

    Parameters
    ----------
    run
        The model, the data and how it is trained.
    machine
        The GPU.

    Returns
    -------
    Budget
        Traffic is that of a ring: gradients added up (2 x 4 bytes a parameter), or, where state is spread, weights gathered
        in each pass of the step, forward and backward, and gradients scattered once a pass (3 x 4 bytes a parameter).
    """
    size = run.parameters
    a_token = 6 * size + 12 * run.depth * run.width * run.context
    flops = a_token * run.tokens
    work = flops * (4 / 3 if run.recompute else 1)
    seconds = work / (run.gpus * machine.flops * run.mfu)
    hours = seconds * run.gpus / 3600
    kept = KEPT_BYTES * run.depth + ACTIVATION_BYTES if run.recompute else ACTIVATION_BYTES * run.depth
    activations = float(kept * run.width * run.pass_tokens)
    whole = BLOCKS * size / run.depth if run.shard else size  # parameters that are there in full
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
