"""From records to the items of a token store.

A generator, so that one record at a time is in memory. The soft mask comes in bases and goes out in tokens: a token counts
as soft-masked if all of its bases are.
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
        DNA records, as ``read_fasta`` gives.
    tokenizer
        Encodes each sequence.
    report
        Counts ``record_without_tokens``: records that are dropped because they are too short for one token or hold nothing
        but N.

    Yields
    ------
    tuple
        Name, ids (length,) and soft-masked runs int64 (runs, 2) in token positions.

    Raises
    ------
    BadInput
        A letter that the tokenizer does not know; the record is named.
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
    """Runs of bases as runs of the tokens that lie wholly inside them.

    Parameters
    ----------
    runs
        int64 (runs, 2): half-open, in bases, sorted.
    ids
        (length,): the tokens of the whole sequence.
    tokenizer
        The one that made them.

    Returns
    -------
    numpy.ndarray
        int64 (runs, 2): half-open, in token positions; runs that hold no whole token are gone.
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
    """1 where `position` lies inside a token rather than at its start."""
    return (~np.isin(position, ends) & (position != 0)).astype(np.int64)
