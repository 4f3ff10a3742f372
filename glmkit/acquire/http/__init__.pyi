from .cache import alone as alone
from .cache import cache_folder as cache_folder
from .cache import offline as offline
from .retry_policy import Patience as Patience
