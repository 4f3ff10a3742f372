from ._audit import Audit as Audit
from ._audit import audit as audit
from .cells import audit_cells as audit_cells
