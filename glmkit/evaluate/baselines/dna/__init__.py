"""Baselines for DNA: k-mers, position weight matrices, codon usage and tree ensembles."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
