"""Ranks of the genes of many cells, compiled.

A value is ``count / total * 10000 / median`` in float64. The bits of positive float64 numbers, read as integers, have the order
of the numbers, so genes are sorted by integers: two counting passes of 11 bits over the leading bits of ``largest - bits``, which
leave the genes almost in order, and an insertion pass over the exact bits, which finishes the work. The passes are stable and
start from the order of the genes, and the insertion never moves a gene past an equal one: ties go by gene index. On counts,
leading bits alone separate nearly all genes, so the cost is linear in the detected genes.
"""

import numpy as np
from numba import njit

OK, NOT_A_COUNT, FRACTION, NO_TOTAL = range(4)
_BITS = 11
_BUCKETS = 1 << _BITS
_FEW = 48  # below this many genes insertion alone is quicker


@njit(cache=True, nogil=True)
def rank_rows(data, indices, indptr, totals, gene_of, medians, limit, first, ordered, ids, offsets):  # type: ignore[no-untyped-def]
    """Write the ranked ids of each row of a CSR block to `ids`, and where rows end to `offsets`.

    Parameters
    ----------
    data, indices, indptr
        The block: raw counts; no column twice in a row.
    totals
        float64 (rows,), or empty to sum each row over all of its columns.
    gene_of
        int32 (columns,): index of the gene of each column, -1 for columns outside the vocabulary.
    medians
        float64 (genes,).
    limit
        Most genes of a row that are kept.
    first
        Id of gene 0.
    ordered
        Whether `gene_of` rises along the columns of every row, so that genes arrive in their order.
    ids
        (at least the sum of ``min(limit, stored values)``,), to be filled.
    offsets
        int64 (rows + 1,), to be filled.

    Returns
    -------
    tuple of int
        A code (``OK``, ``NOT_A_COUNT``, ``FRACTION``, ``NO_TOTAL``), and the row and column that it is about.
    """
    widest = 0
    for row in range(len(indptr) - 1):
        widest = max(widest, indptr[row + 1] - indptr[row])
    values = np.empty(widest, np.float64)
    keys = values.view(np.int64)
    genes = np.empty(widest, np.int32)
    other_keys, other_genes = np.empty(widest, np.int64), np.empty(widest, np.int32)
    places = np.empty(_BUCKETS, np.int64)
    written = 0
    offsets[0] = 0
    for row in range(len(indptr) - 1):
        start, stop = indptr[row], indptr[row + 1]
        total = 0.0
        for place in range(start, stop):
            count = np.float64(data[place])
            if not (count >= 0.0 and count < np.inf):
                return NOT_A_COUNT, row, indices[place]
            if count != np.floor(count):
                return FRACTION, row, indices[place]
            total += count
        if len(totals):
            total = totals[row]
            if not (total > 0.0 and total < np.inf):
                return NO_TOTAL, row, 0
        n = 0
        for place in range(start, stop):
            gene = gene_of[indices[place]]
            if gene >= 0 and data[place] > 0:
                values[n] = np.float64(data[place]) / total * 10000.0 / medians[gene]
                genes[n] = gene
                n += 1
        if not ordered:
            _order_by_gene(keys, genes, other_keys, other_genes, places, n)
        _order_by_value(keys, genes, other_keys, other_genes, places, n)
        n = min(n, limit)
        for place in range(n):
            ids[written + place] = genes[place] + first
        written += n
        offsets[row + 1] = written
    return OK, 0, 0


@njit(cache=True, nogil=True)
def _order_by_value(keys, genes, other_keys, other_genes, places, n):  # type: ignore[no-untyped-def]
    """Order by descending key; equal keys keep their order."""
    if n < 2:
        return
    largest = smallest = keys[0]
    for i in range(1, n):
        largest, smallest = max(largest, keys[i]), min(smallest, keys[i])
    shift = 0
    while (largest - smallest) >> (shift + 2 * _BITS):
        shift += 1
    for i in range(n):
        keys[i] = largest - keys[i]
    if n > _FEW:
        _counting_pass(keys, keys, genes, other_keys, other_genes, places, n, shift)
        _counting_pass(other_keys, other_keys, other_genes, keys, genes, places, n, shift + _BITS)
    for i in range(1, n):
        key, gene, j = keys[i], genes[i], i
        while j > 0 and keys[j - 1] > key:
            keys[j], genes[j] = keys[j - 1], genes[j - 1]
            j -= 1
        keys[j], genes[j] = key, gene


@njit(cache=True, nogil=True)
def _order_by_gene(keys, genes, other_keys, other_genes, places, n):  # type: ignore[no-untyped-def]
    """Order by ascending gene index (up to 4,194,304 genes)."""
    _counting_pass(genes, keys, genes, other_keys, other_genes, places, n, 0)
    _counting_pass(other_genes, other_keys, other_genes, keys, genes, places, n, _BITS)


@njit(cache=True, nogil=True)
def _counting_pass(by, keys, genes, to_keys, to_genes, places, n, shift):  # type: ignore[no-untyped-def]
    """Move keys and genes, stably, by ascending bits ``shift`` to ``shift + 10`` of `by`."""
    places[:] = 0
    for i in range(n):
        places[(by[i] >> shift) & (_BUCKETS - 1)] += 1
    before = 0
    for bucket in range(_BUCKETS):
        here = places[bucket]
        places[bucket] = before
        before += here
    for i in range(n):
        bucket = (by[i] >> shift) & (_BUCKETS - 1)
        to = places[bucket]
        places[bucket] = to + 1
        to_keys[to], to_genes[to] = keys[i], genes[i]
