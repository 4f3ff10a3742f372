"""Strings become ids, and ids become a corpus: tokenizers and the memory-mapped token store."""

from glmkit.tokens.base import BaseTokenizer
from glmkit.tokens.registry import load_tokenizer, make_tokenizer
from glmkit.tokens.store import TokenStore
from glmkit.tokens.tokenizer import Tokenizer

__all__ = ["BaseTokenizer", "TokenStore", "Tokenizer", "load_tokenizer", "make_tokenizer"]
