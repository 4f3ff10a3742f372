from .fine_tuned import FineTuned as FineTuned
from .fine_tuned import FineTuning as FineTuning
from .linear_probe import Probe as Probe
from .linear_probe import joined as joined
from .linear_probe import ridge_path as ridge_path
from .linear_probe import stored as stored
from .random_weights import untrained as untrained
from .trained import Trained as Trained
