"""The shape of a `Transformer`: one frozen table that says which of the published architectures it is."""

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
        Entries of the tokenizer's vocabulary.
    width
        Features of a token; a multiple of ``2 * heads``.
    layers
        Blocks of mixing and feed-forward.
    heads
        Attention heads a block.
    feedforward
        Hidden units of the feed-forward part.
    positions
        How order is told: ``rotary`` angles on queries and keys, ``learned`` vectors added to the embedding, or ``none``.
    maximum_positions
        Longest sequence in tokens, special ones included, that learned positions reach; 0 with the others.
    norm
        Where the norms stand: ``pre``, before each part of a block and once after the last; ``post``, after each part's sum.
    norm_kind
        ``layer`` norm, or ``rms`` (Zhang & Sennrich 2019, arXiv:1910.07467), which neither centres nor has a bias.
    norm_epsilon
        What every norm adds to the variance.
    activation
        Of the feed-forward part: exact ``gelu``, its ``gelu_tanh`` approximation, ``relu``, ``silu``, or ``swiglu`` (Shazeer
        2020, arXiv:2002.05202), which has a second matrix for its gate.
    biases
        Which linear layers have one: ``all``, those of ``attention`` only, or ``none``.
    causal
        Whether a token sees only those before it.
    dropout
        Probability on each residual branch while training, in [0, 1).
    tie_embeddings
        Whether the output layer shares the embedding's weights.
    embedding_norm
        Whether a norm follows the embedding.
    segments
        Rows of a table of segment vectors (BERT's token types), one of which is added to every token; 0 for none.
    segment_starts
        The first id of each segment, rising from 0: ids from ``segment_starts[k]`` on belong to segment `k`, so that a token's
        id says which modality it is of. Empty: every token belongs to the first.
    token_dropout
        Id of the mask token, if the embedding is to be scaled as in ESM (Rives et al. 2021, doi:10.1073/pnas.2016239118): a
        masked token's is zero, and the others of a sequence are scaled by .88 over the share of it that is not masked. None: no
        scaling.
    mixing
        What each block mixes tokens by, repeated over the blocks: ``global`` attention, ``local`` attention within `window`
        tokens on either side (Beltagy et al. 2020, arXiv:2004.05150), or a gated ``convolution``. The latter two cost the same
        a token at any length, so ``("local", "local", "global")`` costs about a third of full attention on long DNA.
    window
        Reach of local attention, tokens on either side.
    kernel
        Width of the convolution, odd.
    family
        Format of the published family it is saved in, such as ``bert``; ``auto`` takes the first that holds it.

    Raises
    ------
    BadInput
        A size is not positive, a choice is unknown, or two values do not go together.
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
                f"TransformerConfig.maximum_positions={self.maximum_positions} does not go with positions={self.positions!r}: "
                "learned positions need 1 or more, the others 0."
            )
        unknown = set(self.mixing) - set(get_args(Mixing))
        if unknown or not self.mixing:
            raise BadInput(f"TransformerConfig.mixing must list some of {', '.join(get_args(Mixing))}, got {self.mixing!r}.")
        if self.kernel % 2 == 0:
            raise BadInput(f"TransformerConfig.kernel must be odd, so that it has a middle, got {self.kernel}.")
        self._check_segments()
        if self.token_dropout is not None and not 0 <= self.token_dropout < self.vocabulary_size:
            raise BadInput(
                f"TransformerConfig.token_dropout is the mask's id, below {self.vocabulary_size}; got {self.token_dropout}."
            )

    def _check_segments(self) -> None:
        starts = list(self.segment_starts)
        rises = starts == sorted(set(starts)) and starts[:1] == [0] and starts[-1] < self.vocabulary_size
        if starts and not (rises and len(starts) <= self.segments):
            raise BadInput(
                f"TransformerConfig.segment_starts must rise from 0, stay below the vocabulary's {self.vocabulary_size} entries and name "
                f"at most segments={self.segments} starts, got {starts}."
            )

    def mixes(self, layer: int) -> Mixing:
        """What block `layer`, from 0, mixes tokens by."""
        return self.mixing[layer % len(self.mixing)]
