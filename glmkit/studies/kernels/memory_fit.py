"""Estimates of the model sizes that fit into a given memory, computed without torch.

A Transformer of width d with feed-forward layers of width 4 d has 12 d² parameters per layer. In float32 each parameter takes
4 bytes. Training with AdamW takes 16 bytes (weight, gradient, two moments), also under bf16 autocast, where weights stay float32.

Training also stores activations for the backward pass. In glmkit's packed Transformer they take about 80 bytes per token, layer
and channel (77 measured, without dropout). This does not depend on sequence length, because no attention matrix is stored. With
recomputation, only the input of each layer and the activations of a few layers are stored. Temporary tensors add half of the
activations; the preflight measurement of a training uses the same margin. Embedding and output layers are neglected, because
biological alphabets are small.

Korthikanti et al. 2022 (arXiv:2205.05198) count activations in the same way.
"""

from dataclasses import dataclass
from typing import Literal

Work = Literal["inference", "lora", "training", "recomputing"]
GIB = 1024**3
KEPT = 80  # bytes of activations per token, layer and channel
TOKENS = 8192  # tokens per pass, the default of training
_MARGIN = 1.5  # factor on activations for gradients and temporary results
_INSIDE = 3  # layers whose activations are in memory at once during recomputation
_USABLE = 0.9  # usable fraction of a memory; the rest is lost to fragmentation
_BASE = 1.5 * GIB  # Python, torch, and a CUDA context


@dataclass(frozen=True, kw_only=True)
class Size:  # numpydoc ignore=PR02
    """Size of a Transformer.

    Parameters
    ----------
    name
        Common name, such as ``650M``.
    layers, width
        Number of layers, and number of channels of each.
    """

    name: str
    layers: int
    width: int

    @property
    def parameters(self) -> int:
        """Number of trainable parameters, embeddings excluded."""
        return 12 * self.layers * self.width**2

    def memory(self, work: Work, tokens: int = TOKENS) -> int:
        """Estimated memory of this size.

        Parameters
        ----------
        work
            ``inference``; ``lora`` (frozen weights, trained adapters of about 1 % of the parameters); ``training`` of all
            weights with AdamW; ``recomputing``, which is training with ``checkpoint_activations``.
        tokens
            Number of tokens per pass.

        Returns
        -------
        int
            Memory in bytes, without that of Python and torch.
        """
        layer = KEPT * tokens * self.width
        weights = {"inference": 4.0, "lora": 4.2}.get(work, 16.0) * self.parameters
        inputs = 4 * tokens * self.width * self.layers
        activations = {"inference": layer, "recomputing": inputs + _INSIDE * layer}.get(work, layer * self.layers)
        return int(weights + _MARGIN * activations)


# The sizes of ESM-2 (Lin et al. 2023), a common reference.
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
        Available memory in bytes.
    work, tokens
        Kind of work and tokens per pass, as for :meth:`Size.memory`.

    Returns
    -------
    Size or None
        None if no size fits.
    """
    fitting = [size for size in SIZES if size.memory(work, tokens) <= _USABLE * memory - _BASE]
    return fitting[-1] if fitting else None


def fits(memory: float) -> str:
    """One line with the largest size that fits into `memory` bytes, for each kind of work."""
    words = {"inference": "inference", "lora": "LoRA", "training": "training", "recomputing": "training with recomputation"}
    found: list[tuple[str, Size | None]] = [(title, largest(memory, work)) for work, title in words.items()]  # type: ignore[arg-type]
    listed = ", ".join(f"{title} {f'up to {size.name}' if size else 'not possible'}" for title, size in found)
    return f"{listed}; {TOKENS:,} tokens per pass"
