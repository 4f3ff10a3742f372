"""Prediction heads on a language model: sequence classes, values, token classes and graph hybrids."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
