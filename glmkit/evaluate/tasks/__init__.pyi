from ._k_fold import k_fold as k_fold
from .cells import cell_task as cell_task
from .cells import modality_task as modality_task
from .mutant_folds import split_positions as split_positions
from .task import Fold as Fold
from .task import Task as Task
