from ._samples import sample as sample
from ._samples import samples as samples
from .catalogue import fetch_packaged as fetch_packaged
from .catalogue import packaged as packaged
