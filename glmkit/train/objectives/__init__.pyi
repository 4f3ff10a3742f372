from .base import Objective as Objective
from .batches import Batch as Batch
from .causal import CausalLanguageModel as CausalLanguageModel
from .classification import Classification as Classification
from .masked import MaskedLanguageModel as MaskedLanguageModel
from .ranking import Ranking as Ranking
from .regression import Regression as Regression
from .token_classification import TokenClassification as TokenClassification
