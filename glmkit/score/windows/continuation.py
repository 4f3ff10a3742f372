"""Token-by-token continuation of sequences by a causal model, with a key-value cache."""

from typing import Any

import numpy as np


class Continuation:
    """Several continuations of one prefix. The prefix is read once, and the cache limits each step to one new token.

    Parameters
    ----------
    model
        A causal LanguageModel in evaluation mode.
    prefix
        Token ids that all sequences begin with, int64 (length,); may be empty.
    count
        Number of sequences.
    """

    def __init__(self, model: Any, prefix: np.ndarray, count: int) -> None:
        import torch

        from glmkit.models.networks import Cache

        self._model, self._cache = model, Cache()
        if len(prefix) > 1:
            model.read_on(torch.from_numpy(prefix[None, :-1]).to(model.device), self._cache)
            self._cache = self._cache.select(torch.zeros(count, dtype=torch.int64, device=model.device))
        self._unread = np.tile(prefix[-1:], (count, 1))

    def logits(self) -> np.ndarray:
        """Logits of the next token, float32 (sequences, vocab); call once after each token."""
        import torch

        tokens = torch.from_numpy(self._unread).to(self._model.device)
        return self._model.read_on(tokens, self._cache).float().cpu().numpy()

    def append(self, ids: np.ndarray, going: np.ndarray) -> None:
        """Add a token to each sequence and drop those that have ended.

        Parameters
        ----------
        ids
            Next token of each sequence, int64 (sequences,).
        going
            Which sequences continue, bool (sequences,); the others are dropped.
        """
        import torch

        if not going.all():
            rows = torch.from_numpy(np.flatnonzero(going)).to(self._model.device)
            self._cache = self._cache.select(rows)
        self._unread = ids[going][:, None]
