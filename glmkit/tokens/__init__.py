"""Strings and cells become ids, and ids become a corpus: tokenizers and the memory-mapped token store."""

import importlib
from typing import TYPE_CHECKING, Any

from glmkit.tokens.base import BaseTokenizer
from glmkit.tokens.cell_inputs import are_cells, cell_ids, cell_names
from glmkit.tokens.cells import CellTokenizer
from glmkit.tokens.kmer import KmerTokenizer, centre_token, complement_kmers, tokens_over_base
from glmkit.tokens.letters import LetterTokenizer
from glmkit.tokens.nucleotide import NucleotideTokenizer
from glmkit.tokens.panel import Panel
from glmkit.tokens.published import published
from glmkit.tokens.ragged import Ragged
from glmkit.tokens.rank import RankTokenizer
from glmkit.tokens.records import encode_records, token_runs
from glmkit.tokens.registry import load_tokenizer, make_tokenizer
from glmkit.tokens.store import TokenStore
from glmkit.tokens.tokenizer import Tokenizer, surround

if TYPE_CHECKING:
    from glmkit.tokens.bpe import BpeTokenizer
    from glmkit.tokens.cell_tokens import write_cell_tokens
    from glmkit.tokens.geneformer import rank_tokenizer_from
    from glmkit.tokens.medians import gene_medians

__all__ = [
    "BaseTokenizer",
    "BpeTokenizer",
    "CellTokenizer",
    "KmerTokenizer",
    "LetterTokenizer",
    "NucleotideTokenizer",
    "Panel",
    "Ragged",
    "RankTokenizer",
    "TokenStore",
    "Tokenizer",
    "are_cells",
    "cell_ids",
    "cell_names",
    "centre_token",
    "complement_kmers",
    "encode_records",
    "gene_medians",
    "load_tokenizer",
    "make_tokenizer",
    "published",
    "rank_tokenizer_from",
    "surround",
    "token_runs",
    "tokens_over_base",
    "write_cell_tokens",
]


_HOMES = {  # what loads something heavier, so only when it is asked for
    "BpeTokenizer": "bpe",
    "gene_medians": "medians",
    "rank_tokenizer_from": "geneformer",
    "write_cell_tokens": "cell_tokens",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
