"""Acquisition of data by name: verified local files with a card of source, licence and SHA-256."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
