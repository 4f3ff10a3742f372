"""Networks and their checkpoints: one packed `Transformer`, an `LSTM` with the same face, heads, strict load and save.

torch is imported when a name is first used, so that ``import glmkit.models`` stays cheap.
"""

import importlib
from typing import Any

_HOMES = {
    "Transformer": "transformer",
    "TransformerConfig": "transformer_config",
    "esm2": "families",
    "LSTM": "recurrent",
    "LSTMConfig": "recurrent",
    "Hybrid": "hybrid",
    "HybridConfig": "hybrid",
    "GraphHead": "hybrid",
    "GeneHybrid": "gene_hybrid",
    "new_gene_hybrid": "gene_hybrid",
    "MLSTM": "mlstm",
    "MLSTMConfig": "mlstm",
    "read_unirep": "unirep",
    "LanguageModel": "language_model",
    "new_model": "language_model",
    "Cache": "cache",
    "Classifier": "classifier",
    "new_classifier": "classifier",
    "TokenClassifier": "token_classifier",
    "new_token_classifier": "token_classifier",
    "Regressor": "regressor",
    "new_regressor": "regressor",
    "load": "checkpoint",
    "save": "checkpoint",
    "load_classifier": "checkpoint",
    "load_head": "checkpoint",
    "load_regressor": "checkpoint",
    "save_head": "checkpoint",
    "load_token_classifier": "checkpoint",
    "open_with_transformers": "adapter",
    "resolve": "published",
    "origin": "published",
    "pack": "packing",
    "weights_hash": "weights",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
