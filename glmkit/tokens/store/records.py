"""Encoding of records as items of a token store.

Records are encoded one at a time, so that one is in memory. Soft-masked runs are converted from bases to tokens: a token is
soft-masked if all of its bases are.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from glmkit.bio import DataReport, Record
from glmkit.tokens.sequences.kmer import KmerTokenizer
from glmkit.tokens.sequences.letters import LetterTokenizer
from glmkit.tokens.tokenizer import Tokenizer


def encode_records(
    records: Iterable[Record], tokenizer: Tokenizer, report: DataReport | None = None
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Encode records for ``TokenStore.write``.

    Parameters
    ----------
    records
        Records of DNA or proteins, as from ``read_fasta``.
    tokenizer
        Tokenizer of the sequences.
    report
        Report to which ``record_without_tokens`` is added: the number of dropped records, which are too short for one token
        or have only N.

    Yields
    ------
    tuple
        Name, ids (length,), and soft-masked runs in token positions, int64 (runs, 2).

    Raises
    ------
    BadInput
        A letter is not in the alphabet of the tokenizer; a note names the record.

    Examples
    --------
    >>> from glmkit.tokens import make_tokenizer
    >>> records = [Record("contig1", "ACGTAC", soft_masked=np.array([[2, 6]])), Record("contig2", "NNNN")]
    >>> for name, ids, runs in encode_records(records, make_tokenizer("base")):
    ...     print(name, ids.tolist(), runs.tolist())
    contig1 [4, 5, 6, 7, 4, 5] [[2, 6]]
    """
    for record in records:
        try:
            ids = tokenizer.encode(record.sequence)
        except ValueError as error:
            error.add_note(f"record {record.id!r}")
            raise
        if len(ids) and tokenizer.maskable[ids].any():
            yield record.id, ids, token_runs(record.soft_masked, ids, tokenizer)
        elif report is not None:
            report.count("record_without_tokens", where=record.id)


def token_runs(runs: np.ndarray, ids: np.ndarray, tokenizer: Tokenizer) -> np.ndarray:
    """Convert runs of bases to runs of the tokens that lie completely inside them.

    Parameters
    ----------
    runs
        Half-open runs in bases, sorted, int64 (runs, 2).
    ids
        Ids of the whole sequence (length,).
    tokenizer
        Tokenizer that made the ids.

    Returns
    -------
    numpy.ndarray
        Half-open runs in token positions, int64 (runs, 2); runs without a complete token are omitted.
    """
    runs = np.asarray(runs, np.int64).reshape(-1, 2)
    if isinstance(tokenizer, KmerTokenizer):
        step = 1 if tokenizer.overlapping else tokenizer.k
        first, last = -(-runs[:, 0] // step), (runs[:, 1] - tokenizer.k) // step + 1
    elif tokenizer.bases_per_token == 1 or isinstance(tokenizer, LetterTokenizer):
        first, last = runs.T
    else:
        ends = np.cumsum(np.array([len(token) for token in tokenizer.vocabulary])[ids])
        first = np.searchsorted(ends, runs[:, 0], "right") + _inside(ends, runs[:, 0])
        last = np.searchsorted(ends, runs[:, 1], "right")
    found = np.stack([first, np.minimum(last, len(ids))], axis=1)
    return found[found[:, 0] < found[:, 1]]


def _inside(ends: np.ndarray, position: np.ndarray) -> np.ndarray:
    """1 if a position lies inside a token, 0 if at the start of one; int64, of the shape of `position`."""
    return (~np.isin(position, ends) & (position != 0)).astype(np.int64)
