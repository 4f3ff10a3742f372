from ._fit import FitResult as FitResult
from ._fit import fit as fit
from .config import TrainConfig as TrainConfig
from .config import steps_per_epoch as steps_per_epoch
from .series import TrainingSeries as TrainingSeries
