"""Features of DNA for the baselines: base codes, one-hot windows, k-mer and codon counts.

Codes are 0..3 for A, C, G, T and 4 for anything else (N, IUPAC codes, a special token), in upper or lower case. Sequences are
concatenated with a 4 between them, so that every count below takes a few NumPy passes, independent of the lengths. A k-mer across two
sequences, or with an unknown letter, contains a 4 and is not counted.
"""

from collections.abc import Sequence

import numpy as np

from glmkit.errors import BadInput

UNKNOWN = 4
LETTERS = "ACGT"
_CODE_OF_BYTE = np.full(256, UNKNOWN, dtype=np.uint8)
for _i, _letter in enumerate(LETTERS):
    _CODE_OF_BYTE[[ord(_letter), ord(_letter.lower())]] = _i


def base_codes(sequence: str | np.ndarray, letter_ids: Sequence[int] | np.ndarray = (0, 1, 2, 3)) -> np.ndarray:
    """Codes of one sequence.

    Parameters
    ----------
    sequence
        String, or integer ids (length,).
    letter_ids
        Ids of A, C, G and T if ids are given (a base tokenizer's ``letter_ids``).

    Returns
    -------
    uint8 array (length,)
        0..3, or 4 for an unknown letter.
    """
    if isinstance(sequence, str):
        return _CODE_OF_BYTE[np.frombuffer(sequence.encode("latin-1", "replace"), dtype=np.uint8)]
    ids = np.asarray(sequence)
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise BadInput(f"Expected a string or integer ids of one axis, got {ids.dtype} {ids.shape}.")
    table = np.full(max(256, int(max(letter_ids)) + 1), UNKNOWN, dtype=np.uint8)
    table[np.asarray(letter_ids)] = np.arange(4, dtype=np.uint8)
    return table[np.where((ids >= 0) & (ids < len(table)), ids, np.setdiff1d(np.arange(5), letter_ids)[0])]


def join_codes(
    sequences: Sequence[str | np.ndarray], letter_ids: Sequence[int] | np.ndarray = (0, 1, 2, 3)
) -> tuple[np.ndarray, np.ndarray]:
    """All sequences concatenated, with an unknown letter after each.

    Parameters
    ----------
    sequences
        Strings or id arrays.
    letter_ids
        As in :func:`base_codes`.

    Returns
    -------
    codes : uint8 array (total + n,)
        Codes, 0..4.
    starts : int64 array (n + 1,)
        Sequence i is ``codes[starts[i] : starts[i + 1] - 1]``.
    """
    if len(sequences) == 0:
        raise BadInput("Expected at least one sequence, got none.")
    starts = np.zeros(len(sequences) + 1, dtype=np.int64)
    np.cumsum([len(sequence) + 1 for sequence in sequences], out=starts[1:])
    if all(isinstance(sequence, str) for sequence in sequences):
        return base_codes(" ".join([*sequences, ""])), starts  # type: ignore[list-item]
    codes = np.full(starts[-1], UNKNOWN, dtype=np.uint8)
    for sequence, start in zip(sequences, starts, strict=False):
        codes[start : start + len(sequence)] = base_codes(sequence, letter_ids)
    return codes, starts


def kmer_codes(codes: np.ndarray, k: int) -> np.ndarray:
    """The k-mer that *ends* at each position, as a number in base 4 (unknown letters count as A).

    Parameters
    ----------
    codes
        Base codes, uint8 (total,).
    k
        Length of the k-mers, 1 to 15.

    Returns
    -------
    int32 array (total,)
        K-mer numbers; the first ``k - 1`` are of shorter k-mers, padded with A on the left.
    """
    known = np.where(codes == UNKNOWN, 0, codes).astype(np.int32)
    result = known.copy()
    for back in range(1, k):
        result[back:] += known[:-back] << (2 * back)
    return result


def known_run(codes: np.ndarray, longest: int) -> np.ndarray:
    """Length of the run of known letters that ends at each position, at most `longest`.

    Parameters
    ----------
    codes
        Base codes, uint8 (total,).
    longest
        Largest length.

    Returns
    -------
    int64 array (total,)
        Lengths; 0 at an unknown letter.
    """
    place = np.arange(len(codes))
    last_unknown = np.maximum.accumulate(np.where(codes == UNKNOWN, place, -1))
    return np.minimum(place - last_unknown, longest)


def kmer_counts(sequences: Sequence[str], k: int) -> np.ndarray:
    """Counts of each k-mer in each sequence.

    Parameters
    ----------
    sequences
        DNA of any lengths.
    k
        Length of the k-mers, 1 to 8.

    Returns
    -------
    float32 array (n, 4**k)
        Counts, k-mers in alphabetical order.
    """
    if not 1 <= k <= 8:
        raise BadInput(f"k: expected 1 to 8, got {k}. Larger tables of 4**k columns do not fit into memory.")
    codes, starts = join_codes(sequences)
    whole = known_run(codes, k) == k
    item = np.repeat(np.arange(len(sequences)), np.diff(starts))
    flat = item[whole] * 4**k + kmer_codes(codes, k)[whole]
    return np.bincount(flat, minlength=len(sequences) * 4**k).reshape(len(sequences), 4**k).astype(np.float32)


def base_grid(sequences: Sequence[str]) -> np.ndarray:
    """Codes of sequences of one length.

    Parameters
    ----------
    sequences
        DNA of equal lengths.

    Returns
    -------
    uint8 array (n, length)
        Base codes, 0..4.

    Raises
    ------
    BadInput
        The lengths differ; the first two that differ are named.
    """
    codes, starts = join_codes(sequences)
    lengths = np.diff(starts) - 1
    if odd := np.flatnonzero(lengths != lengths[0]).tolist():
        raise BadInput(
            f"Expected windows of one length, but window 0 has {lengths[0]} bases and window {odd[0]} has {lengths[odd[0]]}. "
            "Cut windows of one length, or use a baseline that counts k-mers."
        )
    return codes.reshape(len(sequences), -1)[:, :-1]


def one_hot(sequences: Sequence[str]) -> np.ndarray:
    """One-hot encoding of A, C, G and T at each position.

    Parameters
    ----------
    sequences
        DNA of equal lengths.

    Returns
    -------
    float32 array (n, 4 * length)
        Indicators, position by position; an unknown letter is four zeros.
    """
    grid = base_grid(sequences)
    return np.eye(5, 4, dtype=np.float32)[grid].reshape(len(grid), -1)


def codon_grid(sequences: Sequence[str], first: int) -> np.ndarray:
    """Codons in frame from position `first` to the end of each window.

    Parameters
    ----------
    sequences
        DNA of equal lengths.
    first
        0-based position of the first base of the first codon.

    Returns
    -------
    int64 array (n, codons)
        Codon numbers, 0..63 in alphabetical order, 64 with an unknown letter.
    """
    grid = base_grid(sequences)
    if not 0 <= first <= grid.shape[1] - 3:
        raise BadInput(f"first: expected a position with a whole codon after it (0 to {grid.shape[1] - 3}), got {first}.")
    whole = (grid.shape[1] - first) // 3
    codons = grid[:, first : first + 3 * whole].reshape(len(grid), whole, 3).astype(np.int64)
    return np.where((codons == UNKNOWN).any(2), 64, codons @ np.array([16, 4, 1]))
