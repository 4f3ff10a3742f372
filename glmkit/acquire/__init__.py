"""A name becomes verified local files and a card that says where they come from and under which licence."""

from glmkit.acquire.cache import alone, cache_folder, offline, quarantine
from glmkit.acquire.card import Card
from glmkit.acquire.catalogue import fetch_packaged, packaged, packaged_entry
from glmkit.acquire.local import acquire
from glmkit.acquire.lockfile import lock_path, locked
from glmkit.acquire.package import package_member
from glmkit.acquire.patience import Patience
from glmkit.acquire.progress import Progress
from glmkit.acquire.shipped import sample, samples

__all__ = [
    "Card",
    "Patience",
    "Progress",
    "acquire",
    "alone",
    "cache_folder",
    "fetch_packaged",
    "lock_path",
    "locked",
    "offline",
    "package_member",
    "packaged",
    "packaged_entry",
    "quarantine",
    "sample",
    "samples",
]
