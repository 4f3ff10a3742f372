"""Predictions of a model without training it: embeddings, likelihoods, mutation effects, contacts and generation."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
