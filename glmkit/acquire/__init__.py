"""A name becomes verified local files and a card that says where they come from and under which licence."""

from glmkit.acquire.card import Card
from glmkit.acquire.local import acquire
from glmkit.acquire.shipped import sample, samples

__all__ = ["Card", "acquire", "sample", "samples"]
