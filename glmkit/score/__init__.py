"""Verbs on a model without training it. PyTorch is first imported when one of them touches a model."""

from glmkit.score.estimate import Estimate

__all__ = ["Estimate"]
