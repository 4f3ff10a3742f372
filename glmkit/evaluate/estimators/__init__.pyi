from .fine_tuned import FineTuned as FineTuned
from .fine_tuned import FineTuning as FineTuning
from .linear_probe import Probe as Probe
from .linear_probe import probe_pair as probe_pair
from .linear_probe import stored as stored
from .random_weights import untrained as untrained
from .trained import Trained as Trained
