"""Which sizes of a model fit into how much memory: arithmetic, without torch.

A Transformer of width d with feed-forward layers of 4 d has 12 d² parameters a layer. In float32 each takes 4 bytes; a training
with AdamW holds 16 (weight, gradient, two moments), also under bf16 autocast, where the weights stay float32. Training keeps what
the backward pass needs: about 80 bytes for each token, layer and channel in glmkit's packed Transformer (77 measured, without
dropout), whatever the length of the sequences, because no attention matrix is kept. Recomputing them keeps the input of each
layer and a few layers' insides. What comes and goes in between is half as much again: the margin that a training's own estimate,
which measures instead of reckoning, takes too. The tables of letters and the output layer are small for alphabets of biology and left out.

Korthikanti et al. 2022 (arXiv:2205.05198) count activations in the same way.
"""

from dataclasses import dataclass
from typing import Literal

Work = Literal["inference", "lora", "training", "recomputing"]
GIB = 1024**3
KEPT = 80  # bytes of activations for each token, layer and channel
TOKENS = 8192  # tokens in one pass: the default of a training
_MARGIN = 1.5  # of activations: their gradients, temporary results
_INSIDE = 3  # layers whose insides are there at once where they are computed again
_USABLE = 0.9  # share of a memory that can be filled before it is fragmented
_BASE = 1.5 * GIB  # Python, torch, and a CUDA context


@dataclass(frozen=True, kw_only=True)
class Size:  # numpydoc ignore=PR02
    """The shape of a Transformer.

    Parameters
    ----------
    name
        As people call it.
    layers, width
        How many blocks, and how many channels each.
    """

    name: str
    layers: int
    width: int

    @property
    def parameters(self) -> int:
        """How many numbers are learnt, tables of letters left out."""
        return 12 * self.layers * self.width**2

    def memory(self, work: Work, tokens: int = TOKENS) -> int:
        """Bytes that this size needs.

        Parameters
        ----------
        work
            ``inference``; ``lora`` (weights frozen, adapters of about a hundredth learnt); ``training`` of all weights with
            AdamW; ``recomputing``, the same with ``checkpoint_activations``.
        tokens
            How many go through the network in one pass.

        Returns
        -------
        int
            Bytes, without those of Python and torch themselves.
        """
        layer = KEPT * tokens * self.width
        weights = {"inference": 4.0, "lora": 4.2}.get(work, 16.0) * self.parameters
        inputs = 4 * tokens * self.width * self.layers
        activations = {"inference": layer, "recomputing": inputs + _INSIDE * layer}.get(work, layer * self.layers)
        return int(weights + _MARGIN * activations)


# The shapes of ESM-2 (Lin et al. 2023), by which people measure.
SIZES = (
    Size(name="8M", layers=6, width=320),
    Size(name="35M", layers=12, width=480),
    Size(name="150M", layers=30, width=640),
    Size(name="650M", layers=33, width=1280),
    Size(name="3B", layers=36, width=2560),
    Size(name="15B", layers=48, width=5120),
)


def largest(memory: float, work: Work, tokens: int = TOKENS) -> Size | None:
    """The largest of :data:`SIZES` that fits.

    Parameters
    ----------
    memory
        Bytes there are.
    work, tokens
        As for :meth:`Size.memory`.

    Returns
    -------
    Size or None
        None if not even the smallest fits.
    """
    fitting = [size for size in SIZES if size.memory(work, tokens) <= _USABLE * memory - _BASE]
    return fitting[-1] if fitting else None


def fits(memory: float) -> str:
    """What fits into `memory` bytes, in one line."""
    words = {"inference": "inference", "lora": "LoRA", "training": "training", "recomputing": "training with recomputation"}
    found: list[tuple[str, Size | None]] = [(said, largest(memory, work)) for work, said in words.items()]  # type: ignore[arg-type]
    return f"{', '.join(f'{said} ' + (f'up to {size.name}' if size else 'of none') for said, size in found)}; {TOKENS:,} tokens a pass"
