from ._fit import FitResult as FitResult
from ._fit import fit as fit
from .config import TrainConfig as TrainConfig
