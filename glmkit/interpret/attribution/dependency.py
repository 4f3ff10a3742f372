"""Dependency map: effect of a substitution at one position on a language model's predictions at the others.

Every letter is replaced by each other one, and the change of the predictions at all other positions is measured. Dependent pairs
(the two sides of a stem, a binding site and its partner, a codon and its frame) become visible without an alignment or labels.
The cost is one pass per substitution: 3 L + 1 for DNA and 19 L + 1 for proteins.

With ``hide=False`` a masked model reads the letter that it predicts. The change is still due to the substitution alone, but a
model that copies its input shows little effect. ``hide=True`` masks each position in turn, at L times the cost. A causal model
uses preceding letters only, so its map is 0 where the affected position is before the substituted one.

References
----------
Tomaz da Silva P et al. (2024). Nucleotide dependency analysis of DNA language models reveals genomic functional elements.
bioRxiv. doi:10.1101/2024.07.27.605418
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.score.windows import BATCH_TOKENS, Read, encode, letters_at_once, log_probabilities


def dependency_map(model: Any, sequence: str, *, hide: bool = False, batch_tokens: int = BATCH_TOKENS) -> np.ndarray:
    """Largest change of the log-odds of a letter at one position upon a substitution at another.

    Parameters
    ----------
    model
        A masked or causal LanguageModel with one token per letter; its training or evaluation mode is restored afterwards.
    sequence
        DNA or protein sequence, no longer than the context.
    hide
        Whether to mask the position that is predicted; masked models only.
    batch_tokens
        Maximum number of tokens per batch; affects memory and speed, not the result.

    Returns
    -------
    float32 array (length, length)
        Entry [i, j] is the largest absolute change, over all substitutions at i and all letters at j, of the log-odds (nats) of
        the letter against the others. NaN on the diagonal, and in rows and columns of letters that the model does not score (N,
        X). In a causal model, 0 where j is before i.

    Raises
    ------
    BadInput
        Tokens of several letters, a sequence of fewer than two letters or longer than the context, or `hide` with a causal model.
    """
    causal = bool(model.network.config.causal)
    if hide and causal:
        raise BadInput("hide: expected False for a causal model, which uses preceding letters only, got True.")
    ids, longest = encode(model, [sequence])[0], letters_at_once(model, None)
    if len(ids) != len(sequence):
        raise BadInput("dependency_map: expected a tokenizer with one token per letter, 'base' or 'protein'.")
    if not 2 <= len(ids) <= longest:
        raise BadInput(f"sequence: expected 2 to {longest} letters (the model's context), got {len(ids)}.")
    scored = np.flatnonzero(model.tokenizer.maskable[ids])
    letters = np.flatnonzero(model.tokenizer.maskable)
    result = np.full((len(ids), len(ids)), np.nan, np.float32)
    result[np.ix_(scored, scored)] = 0
    np.fill_diagonal(result, np.nan)
    before = _LogOdds(len(ids), letters, scored, causal)
    for read, rows in log_probabilities(model, _reads(model, ids, [None], scored, hide, causal), batch_tokens):
        before.put(read.sites, rows)
    changes = ((int(place), int(letter)) for place in scored for letter in letters if letter != ids[place])
    for read, rows in log_probabilities(model, _reads(model, ids, changes, scored, hide, causal), batch_tokens):
        place = int(np.flatnonzero((read.inputs != ids) & (read.inputs != model.tokenizer.mask_id))[0])
        affected, values = before.read(read.sites, rows)
        moved = np.abs(values - before.values[affected]).max(1)
        moved[(affected < place) & causal] = 0  # removes rounding errors; the exact value is 0
        result[place, affected] = np.maximum(result[place, affected], np.where(affected == place, np.nan, moved))
    return result


class _LogOdds:
    """Log-odds of each letter at each position of the original sequence."""

    def __init__(self, length: int, letters: np.ndarray, scored: np.ndarray, causal: bool) -> None:
        self.values = np.zeros((length, len(letters)))
        self.letters, self.scored, self.back = letters, scored, int(causal)

    def read(self, sites: tuple[int, ...], rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions predicted at `sites`, and log-odds among the letters, (positions, letters)."""
        nats = rows[:, self.letters]
        nats = nats - np.logaddexp.reduce(nats, axis=1, keepdims=True)
        others = np.log(-np.expm1(np.minimum(nats, -1e-12)))
        return np.array(sites) + self.back, nats - others

    def put(self, sites: tuple[int, ...], rows: np.ndarray) -> None:
        """Store the log-odds of a pass."""
        positions, values = self.read(sites, rows)
        self.values[positions] = values


def _reads(model: Any, ids: np.ndarray, changes: Any, scored: np.ndarray, hide: bool, causal: bool) -> Iterator[Read]:
    """Passes over the sequence with each change: one for all positions, or one per masked position."""
    for change in changes:
        inputs = ids.copy()
        if change is not None:
            inputs[change[0]] = change[1]
        if not hide:
            look = scored[scored > 0] - 1 if causal else scored
            yield Read(tuple(look.tolist()), 0, inputs)
            continue
        for place in scored.tolist():
            if change is None or place != change[0]:
                masked = inputs.copy()
                masked[place] = model.tokenizer.mask_id
                yield Read((place,), 0, masked)
