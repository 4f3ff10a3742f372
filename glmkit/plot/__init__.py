"""Figures from arrays and tables. Each function returns a matplotlib Figure outside pyplot."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
