"""Configuration of a `Transformer`, which determines its architecture."""

from dataclasses import dataclass
from typing import Literal, get_args

from glmkit.errors import BadInput

ROTARY_BASE = 10_000.0
NORM_EPSILON = 1e-5

Positions = Literal["rotary", "learned", "none"]
NormPlace = Literal["pre", "post"]
NormKind = Literal["layer", "rms"]
Activation = Literal["gelu", "gelu_tanh", "relu", "silu", "swiglu"]
Biases = Literal["all", "attention", "none"]
Mixing = Literal["global", "local", "convolution"]
_CHOICES = {
    "positions": Positions,
    "norm": NormPlace,
    "norm_kind": NormKind,
    "activation": Activation,
    "biases": Biases,
}


@dataclass(frozen=True, kw_only=True)
class TransformerConfig:  # numpydoc ignore=PR02
    """Shape of a `Transformer`. The defaults are ESM-2's architecture without its token dropout.

    Parameters
    ----------
    vocabulary_size
        Size of the tokenizer's vocabulary.
    width
        Number of features of a token; a multiple of ``2 * heads``.
    layers
        Number of blocks.
    heads
        Number of attention heads per block.
    feedforward
        Number of hidden units of the feed-forward layer.
    positions
        Position encoding: ``rotary`` angles on queries and keys, ``learned`` vectors added to the embedding, or ``none``.
    maximum_positions
        Number of learned positions, which limits the length of sequences, special tokens included; 0 for other encodings.
    norm
        Position of the norms: ``pre``, before each layer of a block and after the last block; ``post``, after each residual sum.
    norm_kind
        ``layer`` norm, or ``rms`` (Zhang & Sennrich 2019, arXiv:1910.07467), without centring and bias.
    norm_epsilon
        Constant added to the variance in every norm.
    activation
        Activation of the feed-forward layer: exact ``gelu``, its ``gelu_tanh`` approximation, ``relu``, ``silu``, or ``swiglu``
        (Shazeer 2020, arXiv:2002.05202), which has a second matrix for its gate.
    biases
        Linear layers with biases: ``all``, those of ``attention`` only, or ``none``.
    causal
        Whether a token attends only to itself and preceding tokens.
    dropout
        Dropout probability on each residual branch during training, in [0, 1).
    tie_embeddings
        Whether the output layer shares the embedding's weights.
    embedding_norm
        Whether a norm follows the embedding.
    segments
        Number of segment vectors (token types of BERT), one of which is added to every token; 0 for none.
    segment_starts
        First token id of each segment, ascending from 0: ids from ``segment_starts[k]`` belong to segment `k`, so that the id of a
        token determines its modality. Empty: all tokens belong to the first segment.
    token_dropout
        Id of the mask token for the embedding scale of ESM (Rives et al. 2021, doi:10.1073/pnas.2016239118): embeddings of masks
        are zero, and the others of a sequence are multiplied by 0.88 divided by the unmasked fraction. None for no scaling.
    mixing
        Mixing layer of each block, repeated over the blocks: ``global`` attention, ``local`` attention within `window` tokens on
        either side (Beltagy et al. 2020, arXiv:2004.05150), or gated ``convolution``. The latter two have a constant cost per
        token, so ``("local", "local", "global")`` costs about a third of full attention on long DNA.
    window
        Number of visible tokens on either side in local attention.
    kernel
        Width of the convolution kernel in tokens, odd.
    family
        Format of the published family for saving, such as ``bert``; ``auto`` for the first one that supports the configuration.

    Raises
    ------
    BadInput
        A size that is not positive, an unknown choice, or two incompatible values.

    Examples
    --------
    >>> from glmkit.models import TransformerConfig
    >>> config = TransformerConfig(vocabulary_size=10, width=64, layers=3, mixing=("local", "local", "global"))
    >>> [config.mixes(layer) for layer in range(config.layers)]
    ['local', 'local', 'global']
    """

    vocabulary_size: int
    width: int = 128
    layers: int = 4
    heads: int = 4
    feedforward: int = 512
    positions: Positions = "rotary"
    maximum_positions: int = 0
    norm: NormPlace = "pre"
    norm_kind: NormKind = "layer"
    norm_epsilon: float = NORM_EPSILON
    activation: Activation = "gelu"
    biases: Biases = "all"
    causal: bool = False
    dropout: float = 0.0
    tie_embeddings: bool = True
    embedding_norm: bool = False
    segments: int = 0
    segment_starts: tuple[int, ...] = ()
    token_dropout: int | None = None
    mixing: tuple[Mixing, ...] = ("global",)
    window: int = 128
    kernel: int = 15
    family: str = "auto"

    def __post_init__(self) -> None:
        for name in ("vocabulary_size", "width", "layers", "heads", "feedforward", "window", "kernel"):
            if getattr(self, name) < 1:
                raise BadInput(f"TransformerConfig.{name} must be 1 or more, got {getattr(self, name)}.")
        if self.width % (2 * self.heads):
            raise BadInput(
                f"TransformerConfig.width={self.width} does not divide into {self.heads} heads of even size. "
                f"Choose a multiple of {2 * self.heads}."
            )
        if not 0 <= self.dropout < 1:
            raise BadInput(f"TransformerConfig.dropout must lie in [0, 1), got {self.dropout}.")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in get_args(choices):
                known = ", ".join(map(repr, get_args(choices)))
                raise BadInput(f"TransformerConfig.{name} must be one of {known}, got {getattr(self, name)!r}.")
        if (self.positions == "learned") != (self.maximum_positions > 0):
            raise BadInput(
                f"TransformerConfig.maximum_positions={self.maximum_positions} is incompatible with "
                f"positions={self.positions!r}: learned positions need 1 or more, the others 0."
            )
        unknown = set(self.mixing) - set(get_args(Mixing))
        if unknown or not self.mixing:
            raise BadInput(f"TransformerConfig.mixing must list some of {', '.join(get_args(Mixing))}, got {self.mixing!r}.")
        if self.kernel % 2 == 0:
            raise BadInput(f"TransformerConfig.kernel must be odd, so that it has a centre, got {self.kernel}.")
        self._check_segments()
        if self.token_dropout is not None and not 0 <= self.token_dropout < self.vocabulary_size:
            raise BadInput(
                f"TransformerConfig.token_dropout must be the id of the mask token, below {self.vocabulary_size}, got "
                f"{self.token_dropout}."
            )

    def _check_segments(self) -> None:
        starts = list(self.segment_starts)
        rises = starts == sorted(set(starts)) and starts[:1] == [0] and starts[-1] < self.vocabulary_size
        if starts and not (rises and len(starts) <= self.segments):
            raise BadInput(
                f"TransformerConfig.segment_starts must ascend from 0, be below the vocabulary size {self.vocabulary_size}, and have "
                f"at most segments={self.segments} entries, got {starts}."
            )

    def mixes(self, layer: int) -> Mixing:
        """Kind of mixing layer of block `layer`, from 0."""
        return self.mixing[layer % len(self.mixing)]
