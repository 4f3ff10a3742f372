"""Biological records before any model: alphabets, intervals, mutations, and strict readers of sequence and cell files."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
