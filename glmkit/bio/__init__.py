"""Biological data types (alphabets, intervals, records, mutations) and strict readers of sequence and single-cell files."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
