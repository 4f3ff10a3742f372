from .batches import BATCH_TOKENS as BATCH_TOKENS
from .batches import by_budget as by_budget
from .batches import encode as encode
from .batches import evaluating as evaluating
from .batches import letters_at_once as letters_at_once
from .batches import packed as packed
from .sites import Read as Read
from .sites import log_probabilities as log_probabilities
