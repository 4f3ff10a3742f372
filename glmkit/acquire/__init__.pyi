from . import http as http
from . import packages as packages
from . import services as services
from ._acquire import acquire as acquire
from .card import Card as Card
from .packages._samples import sample as sample
from .packages._samples import samples as samples
