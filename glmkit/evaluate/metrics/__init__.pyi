from ._bootstrap import bootstrap as bootstrap
from .registry import METRICS as METRICS
from .registry import Metric as Metric
