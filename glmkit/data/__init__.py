"""What a model is given to learn from, and what it is judged by: splits, crops, masks, batches."""

from glmkit.data.batches import token_budget_batches
from glmkit.data.crops import Crops
from glmkit.data.masking import Masked, mask_tokens
from glmkit.data.split import Split, hold_out, split_blocks, split_groups

__all__ = ["Crops", "Masked", "Split", "hold_out", "mask_tokens", "split_blocks", "split_groups", "token_budget_batches"]
