"""Training: one readable loop, objectives, checkpoints that resume bit for bit.

torch is imported when a name is first used.
"""

import importlib
from typing import Any

_HOMES = {
    "TrainConfig": "config",
    "fit": "loop",
    "FitResult": "loop",
    "fit_distributed": "launch",
    "LargeRun": "budget",
    "Machine": "budget",
    "training_budget": "budget",
    "Rendezvous": "rendezvous",
    "slurm_rendezvous": "rendezvous",
    "Objective": "objectives",
    "MaskedLanguageModel": "masked",
    "CausalLanguageModel": "causal",
    "Classification": "classification",
    "TokenClassification": "dense",
    "Regression": "regression",
    "Ranking": "ranking",
    "preflight": "planning",
    "Preflight": "planning",
    "freeze": "freezing",
    "lora": "adapters",
    "merge_adapters": "adapters",
    "save_adapters": "adapters",
    "load_adapters": "adapters",
    "Batch": "feed",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
