from ._samples import sample as sample
from ._samples import samples as samples
from .catalogue import fetch_packaged as fetch_packaged
from .catalogue import packaged as packaged
from .catalogue import packaged_entry as packaged_entry
from .package import package_member as package_member
