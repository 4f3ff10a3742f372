"""Similarity searches with MMseqs2 and BLAST+, and clustering of sequences into families."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
