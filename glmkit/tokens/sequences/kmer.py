"""Tokenization by k-mers: one token for k bases.

The number of a k-mer is its letters as base-4 digits (A 0, C 1, G 2, T 3), the first letter most significant. The numbers of
all windows are computed by doubling: pairs from single letters, fours from pairs, and so on. Six letters then take three
passes over an array that fits the cache.

Overlapping k-mers (DNABERT, Ji et al. 2021) contain each base k times, so that a masked token can be inferred from its
neighbours. Masking must therefore cover runs: k masked tokens hide one base (`glmkit.data.corpora.mask_tokens`).
Non-overlapping k-mers (Nucleotide Transformer, Dalla-Torre et al. 2024) avoid this problem. Their tokens depend on the start
of the sequence, and single bases cannot be masked or scored.
"""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.tokens.sequences.base import AMBIGUOUS, SLICE, byte_table, lookup
from glmkit.tokens.tokenizer import FIRST, LAST, as_ids, canonical_hash, smallest_dtype, write_description

LONGEST = 8
_N = 4
_CODES = byte_table({letter: code for code, letter in enumerate("ACGT")} | dict.fromkeys("N" + AMBIGUOUS, _N))


class KmerTokenizer:
    """DNA as k-mers: ``<cls> <pad> <eos> <unk>``, the 4^k k-mers in alphabetical order, ``<mask>``.

    A k-mer with an N or another ambiguity code becomes ``<unk>``. A sequence of L bases gives L - k + 1 overlapping tokens, none
    if L < k; token `i` starts at base `i`. Without overlap it gives L // k tokens; token `i` starts at base `i`·k, and the last
    L % k bases have no token.

    Parameters
    ----------
    k
        Bases per token, 1 to 8.
    overlapping
        Whether a token starts at every base, rather than at every k-th base.

    Raises
    ------
    BadInput
        `k` is out of range.

    Examples
    --------
    >>> tokenizer = KmerTokenizer(3, overlapping=False)
    >>> [tokenizer.vocabulary[i] for i in tokenizer.encode("ACGTTNAC")]
    ['ACG', '<unk>']
    """

    kind = "kmer"
    bos_id, pad_id, eos_id, unk_id = range(4)
    prefix: tuple[int, ...] = ()
    suffix: tuple[int, ...] = ()

    def __init__(self, k: int = 6, overlapping: bool = True) -> None:
        if not 1 <= k <= LONGEST:
            raise BadInput(f"Expected k-mers of 1 to {LONGEST} bases, got k={k}.")
        self.k, self.overlapping = k, overlapping
        self.vocabulary: tuple[str, ...] = (*FIRST, *map("".join, product("ACGT", repeat=k)), LAST)
        self.mask_id = len(self.vocabulary) - 1
        self.dtype = smallest_dtype(len(self.vocabulary))
        self.bases_per_token: float | int | None = 1 if overlapping else k
        self.maskable = np.ones(len(self.vocabulary), bool)
        self.maskable[[*range(4), self.mask_id]] = False
        self.hash = canonical_hash(self._description())

    def _description(self) -> dict[str, Any]:
        return {"kind": self.kind, "k": self.k, "overlapping": self.overlapping, "vocabulary": list(self.vocabulary)}

    def encode(self, sequence: str) -> np.ndarray:
        """Ids of a DNA sequence.

        Parameters
        ----------
        sequence
            DNA in either case, IUPAC codes allowed.

        Returns
        -------
        numpy.ndarray
            One id per k-mer, uint8, uint16 or uint32, (length - k + 1,) or (length // k,).

        Raises
        ------
        BadInput
            A character is not a DNA letter; the message gives its position (from 0).
        """
        k, step = self.k, (1 if self.overlapping else self.k)
        out = np.empty(max((len(sequence) - k) // step + 1, 0), self.dtype)
        tokens = SLICE // step
        for start in range(0, len(out), tokens):
            stop = min(start + tokens, len(out))
            self._number(_codes(sequence, start * step, (stop - 1) * step + k), out[start:stop])
        _codes(
            sequence, (len(out) - 1) * step + k if len(out) else 0, len(sequence)
        )  # the rest has no token, but must be DNA too
        return out

    def _number(self, codes: np.ndarray, out: np.ndarray) -> None:
        """Write the ids of the k-mers of `codes` (0 to 3, 4 for N) into `out`."""
        if self.overlapping:
            numbers = _windows(codes, self.k)
        else:
            table = codes.reshape(-1, self.k)
            numbers = np.zeros(len(table), self.dtype)
            for column in table.T:
                numbers = (numbers << 2) | column
        np.add(numbers, len(FIRST), out=out, dtype=self.dtype, casting="unsafe")
        if codes.max() == _N:
            ambiguous = codes == _N
            step = 1 if self.overlapping else self.k
            unknown = np.zeros(len(out), bool)
            for i in range(self.k):
                unknown |= ambiguous[i::step][: len(out)]
            out[unknown] = self.unk_id

    def decode(self, ids: np.ndarray) -> str:
        """The bases of `ids` (length,), upper case.

        ``<cls>``, ``<pad>`` and ``<eos>`` are omitted. A base becomes N if all k-mers that cover it are ``<unk>`` or ``<mask>``.
        If overlapping k-mers disagree, the first one that covers a base decides.

        Raises
        ------
        BadInput
            An id is outside the vocabulary.
        """
        array = as_ids(ids, len(self.vocabulary)).astype(np.int64)
        array = array[~np.isin(array, [self.bos_id, self.pad_id, self.eos_id])]
        if len(array) == 0:
            return ""
        step = 1 if self.overlapping else self.k
        letters = np.full((len(array) - 1) * step + self.k, ord("N"), np.uint8)
        known = np.flatnonzero(self.maskable[array])
        numbers = array[known] - len(FIRST)
        for place in range(self.k):
            digit = (numbers >> 2 * (self.k - 1 - place)) & 3
            letters[known * step + place] = np.frombuffer(b"ACGT", np.uint8)[digit]
        return letters.tobytes().decode("ascii")

    def save(self, folder: str | Path) -> Path:
        """Write ``tokenizer.json`` into `folder` and return its path."""
        return write_description(folder, self._description())

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> "KmerTokenizer":
        """Construct the tokenizer from the description in ``tokenizer.json``."""
        made = cls(int(description["k"]), bool(description["overlapping"]))
        if list(made.vocabulary) != description.get("vocabulary"):
            raise BadInput(f"The vocabulary is not that of all {made.k}-mers in alphabetical order. Restore the original file.")
        return made

    def __repr__(self) -> str:
        return f"KmerTokenizer(k={self.k}, overlapping={self.overlapping})"


def tokens_over_base(tokenizer: Any) -> int:
    """Number of tokens that contain each base (fewer at the ends of a sequence).

    Parameters
    ----------
    tokenizer
        Tokenizer of any kind.

    Returns
    -------
    int
        k for overlapping k-mers, where tokens ``b - k + 1`` to `b` contain base `b`; 1 for all others.
    """
    return tokenizer.k if isinstance(tokenizer, KmerTokenizer) and tokenizer.overlapping else 1


def centre_token(length: Any, over: int) -> Any:
    """The token at the centre of a window.

    Parameters
    ----------
    length
        Number of tokens of the window, at least 1: an integer, or an array or tensor of integers.
    over
        Tokens per base, from :func:`tokens_over_base`; with 1 the result is ``length // 2``.

    Returns
    -------
    int or array
        Position of the token that has base ``L // 2`` of the window's L bases at index ``(k - 1) // 2`` of its letters; the last
        token if the window is too short.
    """
    place = (length + over - 1) // 2 - (over - 1) // 2
    return place - (place >= length) * (place - length + 1)


def complement_kmers(k: int) -> np.ndarray:
    """The number of the reverse complement of each k-mer.

    Parameters
    ----------
    k
        Bases per k-mer.

    Returns
    -------
    numpy.ndarray
        Number of the reverse complement of k-mer `i` at position `i`, int64 (4^k,).
    """
    rest, turned = np.arange(4**k), np.zeros(4**k, np.int64)
    for _ in range(k):
        turned = 4 * turned + 3 - rest % 4
        rest //= 4
    return turned


def _codes(sequence: str, start: int, stop: int) -> np.ndarray:
    """Codes of a slice (0 to 3, 4 for N); errors give the position in the whole sequence."""
    try:
        return lookup(sequence[start:stop], _CODES)
    except BadInput:
        lookup(sequence[:stop], _CODES)
        raise


def _windows(codes: np.ndarray, k: int) -> np.ndarray:
    """Numbers of all windows of `k` codes, computed by doubling, (length - k + 1,)."""
    power, size = codes, 1
    result: np.ndarray | None = None
    done = 0
    while True:
        if k & size:
            result = power if result is None else _join(result, done, power, size)
            done += size
        if done == k:
            return result if result is not None else power
        power, size = _join(power, size, power, size), 2 * size


def _join(left: np.ndarray, left_size: int, right: np.ndarray, right_size: int) -> np.ndarray:
    """Numbers of the windows that join each left window with the right window after it."""
    dtype = smallest_dtype(4 ** (left_size + right_size))
    after = right[left_size:]
    joined = left[: len(after)].astype(dtype, copy=False) * dtype.type(
        4**right_size
    )  # NumPy shifts bytes slower than it multiplies
    joined += after
    return joined
