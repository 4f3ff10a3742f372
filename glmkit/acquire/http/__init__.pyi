from .cache import alone as alone
from .cache import cache_folder as cache_folder
from .cache import offline as offline
from .cache import quarantine as quarantine
from .lockfile import lock_path as lock_path
from .lockfile import locked as locked
from .progress import Progress as Progress
from .retry_policy import Patience as Patience
