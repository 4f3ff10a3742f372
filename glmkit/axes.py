"""Names of array axes, and the array types of function signatures.

========= ==========================================================
axis      meaning
========= ==========================================================
tokens    all tokens of a batch, packed one sequence after another
sequences sequences of a batch; boundaries have ``sequences + 1`` entries
scored    positions of a batch at which a token is predicted
width     features of a token
vocab     entries of a vocabulary
n         items given to a function (sequences, cells, windows)
length    positions of one sequence
letters   letters of an alphabet
classes   classes of a label
========= ==========================================================

Local variables may carry their axes as a suffix: ``_T`` tokens, ``_S`` sequences, ``_D`` width, ``_V`` vocab, ``_N`` n,
``_L`` length.
"""

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from jaxtyping import Float32, Float64, Int64, Integer

if TYPE_CHECKING:
    import torch

Ids: TypeAlias = Integer[np.ndarray, " length"]
Boundaries: TypeAlias = Int64[np.ndarray, " sequences+1"]
Embeddings: TypeAlias = Float32[np.ndarray, "n width"]
Scores: TypeAlias = Float64[np.ndarray, " n"]
Attributions: TypeAlias = Float32[np.ndarray, "n length letters"]

TokensT: TypeAlias = "torch.Tensor"  # int64 (tokens,)
BoundariesT: TypeAlias = "torch.Tensor"  # int64 (sequences + 1,); first entry 0, last entry the number of tokens
HiddenT: TypeAlias = "torch.Tensor"  # float (tokens, width)
