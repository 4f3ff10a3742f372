"""Sequences of one length that grow by a token at a time, and the logits of what comes next."""

from typing import Any

import numpy as np


class Continuation:
    """Several continuations of one prefix, which is read once; what has been read is kept, so that a token costs one token.

    Parameters
    ----------
    model
        A causal LanguageModel in evaluation mode.
    prefix
        int64 (length,): ids that all of them begin with; may be empty.
    count
        Sequences.
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
        """Logits of the next token, float32 (sequences, vocab); once after each token."""
        import torch

        tokens = torch.from_numpy(self._unread).to(self._model.device)
        return self._model.read_on(tokens, self._cache).float().cpu().numpy()

    def append(self, ids: np.ndarray, going: np.ndarray) -> None:
        """Add a token to each sequence and drop those that have ended.

        Parameters
        ----------
        ids
            int64 (sequences,).
        going
            bool (sequences,): the others are dropped.
        """
        import torch

        if not going.all():
            rows = torch.from_numpy(np.flatnonzero(going)).to(self._model.device)
            self._cache = self._cache.select(rows)
        self._unread = ids[going][:, None]
