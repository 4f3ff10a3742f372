"""Compiled ranking of the genes of many cells.

A value is ``count / total * 10000 / median`` in float64. The bits of positive float64 numbers, read as integers, sort in the
order of the numbers, so that genes are sorted by integers. Two counting passes over 16 leading bits of ``largest - bits``
give an almost sorted order, and an insertion pass over the exact bits completes it. All passes are stable and start from the
order of the genes, so that ties are broken by gene index. For counts, the leading bits separate nearly all genes, and the time
is linear in the number of detected genes.
"""

import numpy as np
from numba import njit

OK, NOT_A_COUNT, FRACTION, NO_TOTAL = range(4)
_BITS = 8
_LAST = (1 << _BITS) - 1
_HIGHEST = np.iinfo(np.int64).max
_FEW = 48  # number of genes up to which insertion alone is faster


@njit(cache=True, nogil=True, error_model="numpy")
def rank_rows(data, indices, indptr, totals, gene_of, medians, limit, first, ordered, ids, offsets):
    """Write the ranked ids of each row of a CSR block to `ids`, and the boundaries of the rows to `offsets`.

    Parameters
    ----------
    data, indices, indptr
        Arrays of the CSR block of raw counts; columns are unique in each row.
    totals
        Total count of each row, float64 (rows,); empty for sums over all columns.
    gene_of
        Index of the gene of each column, int32 (columns,), -1 for columns outside the vocabulary.
    medians
        Non-zero median of each gene, float64 (genes,).
    limit
        Maximum number of genes kept per row.
    first
        Id of gene 0.
    ordered
        Whether `gene_of` is increasing, so that genes need no sorting by index.
    ids
        Output array of ids, with a length of at least the sum of ``min(limit, stored values)`` over rows.
    offsets
        Output array of boundaries, int64 (rows + 1,).

    Returns
    -------
    tuple of int
        Code (``OK``, ``NOT_A_COUNT``, ``FRACTION``, ``NO_TOTAL``), and the row and column of the fault.
    """
    widest = 0
    for row in range(len(indptr) - 1):
        widest = max(widest, indptr[row + 1] - indptr[row])
    values, divisors = np.empty(widest, np.float64), np.empty(widest, np.float64)
    keys = values.view(np.int64)
    genes = np.empty(widest, np.int32)
    other_keys, other_genes = np.empty(widest, np.int64), np.empty(widest, np.int32)
    places = np.empty((2, _LAST + 1), np.int64)
    written = 0
    offsets[0] = 0
    for row in range(len(indptr) - 1):
        start, stop = indptr[row], indptr[row + 1]
        whole = _sum_counts(data[start:stop])
        if whole < 0:
            code, place = _fault(data[start:stop])
            return code, row, indices[start + place]
        total = np.float64(whole)
        if len(totals):
            total = totals[row]
            if not (total > 0.0 and total < np.inf):
                return NO_TOTAL, row, 0
        n = 0
        for place in range(start, stop):
            gene = gene_of[indices[place]]
            if gene >= 0 and data[place] > 0:
                values[n], divisors[n], genes[n] = data[place], medians[gene], gene
                n += 1
        for i in range(n):  # separate from the loop above, so that the compiler vectorises it
            values[i] = values[i] / total * 10000.0 / divisors[i]
        if not ordered:
            for shift in range(0, 2 * _BITS if len(medians) <= 1 << 2 * _BITS else 4 * _BITS, 2 * _BITS):
                _two_passes(keys, genes, other_keys, other_genes, places, n, shift, True)
        _order_by_value(keys, genes, other_keys, other_genes, places, n)
        n = min(n, limit)
        for place in range(n):
            ids[written + place] = genes[place] + first
        written += n
        offsets[row + 1] = written
    return OK, 0, 0


@njit(cache=True, nogil=True, error_model="numpy")
def _sum_counts(data):
    """Sum of raw counts, or -1 if a value is not a count; an integer sum is exact and independent of the order."""
    total, wrong = np.int64(0), np.int64(0)
    for place in range(len(data)):
        count = np.int64(data[place])
        wrong |= np.int64(count != data[place]) | np.int64(count < 0)
        total += count
    return np.int64(-1) if wrong else total


@njit(cache=True, nogil=True, error_model="numpy")
def _fault(data):
    """Code and position of the first value that is not a count."""
    for place in range(len(data)):
        count = np.float64(data[place])
        if not (count >= 0.0 and count < np.inf):
            return NOT_A_COUNT, place
        if count != np.floor(count):
            return FRACTION, place
    return NOT_A_COUNT, np.argmax(data)  # too large for an integer


@njit(cache=True, nogil=True, error_model="numpy")
def _order_by_value(keys, genes, other_keys, other_genes, places, n):
    """Sort by descending key; equal keys keep their order."""
    largest, smallest = np.int64(0), np.int64(_HIGHEST)
    for i in range(n):
        largest, smallest = max(largest, keys[i]), min(smallest, keys[i])
    shift = 0
    while (largest - smallest) >> (shift + 2 * _BITS) > 0:
        shift += 1
    for i in range(n):
        keys[i] = largest - keys[i]
    if n > _FEW:
        _two_passes(keys, genes, other_keys, other_genes, places, n, shift, False)
    for i in range(1, n):
        key = keys[i]
        if keys[i - 1] > key:
            gene, j = genes[i], i
            while j > 0 and keys[j - 1] > key:
                keys[j], genes[j] = keys[j - 1], genes[j - 1]
                j -= 1
            keys[j], genes[j] = key, gene


@njit(cache=True, nogil=True, error_model="numpy")
def _two_passes(keys, genes, other_keys, other_genes, places, n, shift, by_gene):
    """Sort keys and genes, stably, by 16 bits from bit `shift` of the keys, or of the genes."""
    places[:] = 0
    for i in range(n):
        digits = np.int64(genes[i]) >> shift if by_gene else keys[i] >> shift
        places[0, digits & _LAST] += 1
        places[1, (digits >> _BITS) & _LAST] += 1
    before = after = 0
    for bucket in range(_LAST + 1):
        here, there = places[0, bucket], places[1, bucket]
        places[0, bucket], places[1, bucket] = before, after
        before, after = before + here, after + there
    for i in range(n):
        bucket = ((np.int64(genes[i]) if by_gene else keys[i]) >> shift) & _LAST
        to = places[0, bucket]
        places[0, bucket] = to + 1
        other_keys[to], other_genes[to] = keys[i], genes[i]
    for i in range(n):
        bucket = ((np.int64(other_genes[i]) if by_gene else other_keys[i]) >> (shift + _BITS)) & _LAST
        to = places[1, bucket]
        places[1, bucket] = to + 1
        keys[to], genes[to] = other_keys[i], other_genes[i]
