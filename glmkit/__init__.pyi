from . import acquire as acquire
from . import bio as bio
from . import data as data
from . import evaluate as evaluate
from . import interpret as interpret
from . import models as models
from . import plot as plot
from . import score as score
from . import studies as studies
from . import tokens as tokens
from . import train as train

__version__: str
