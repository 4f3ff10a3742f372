"""Audits of a split: duplicates, homologues, shared groups, and labels predicted by the nearest neighbour."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
