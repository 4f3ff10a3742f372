from ._combine import combine as combine
from .permutation_test import holm as holm
from .permutation_test import paired_test as paired_test
from .row import Row as Row
from .table import Table as Table
