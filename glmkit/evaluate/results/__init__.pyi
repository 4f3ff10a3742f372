from ._combine import combine as combine
from .paired import holm as holm
from .paired import paired_test as paired_test
from .row import Row as Row
from .table import Table as Table
