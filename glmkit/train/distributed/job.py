"""Description of a training run in a folder, for transfer to other processes: JSON and plain arrays, no pickle.

``job.json`` holds the settings; ``model/`` holds weights and tokenizer, ``corpus/`` and ``validation/`` the token ids. A
`TokenStore` is referenced by its folder. Any other corpus is written once and memory-mapped, so that the processes of a machine
share its pages.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import nn

from glmkit.errors import BadInput
from glmkit.files import atomic_folder, atomic_path, read_json, write_json
from glmkit.models import LanguageModel
from glmkit.models.formats import read_weights, write_weights
from glmkit.models.heads import head_settings, make_head
from glmkit.models.language_model import Config, new_network
from glmkit.tokens import TokenStore, load_tokenizer
from glmkit.train._lora import lora
from glmkit.train.loop.process_group import whole
from glmkit.train.objectives.base import Objective
from glmkit.train.objectives.causal import CausalLanguageModel
from glmkit.train.objectives.classification import Classification
from glmkit.train.objectives.masked import MaskedLanguageModel
from glmkit.train.objectives.ranking import Ranking
from glmkit.train.objectives.regression import Regression
from glmkit.train.objectives.token_classification import TokenClassification

OBJECTIVES: dict[str, type[Objective]] = {
    objective.name: objective
    for objective in (MaskedLanguageModel, CausalLanguageModel, Classification, TokenClassification, Regression, Ranking)
}
ARRAYS = ("tokens", "offsets", "weights", "labels")


class WrittenCorpus:
    """Memory-mapped corpus written by `write_corpus`.

    Parameters
    ----------
    folder
        Folder of the corpus.

    Attributes
    ----------
    lengths
        Length of each item in tokens, int64 (n,).
    hash
        Hash of the original corpus.
    """

    def __init__(self, folder: Path) -> None:
        about = read_json(folder / "corpus.json")
        self.hash: str = about["hash"]
        if about["tokenizer_hash"] is not None:
            self.tokenizer_hash: str = about["tokenizer_hash"]
        found = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in ARRAYS
            if (folder / f"{name}.npy").exists()
        }
        self._offsets, self._tokens = np.asarray(found["offsets"]), found["tokens"]
        self.lengths = np.diff(self._offsets)
        if "weights" in found:
            self.weights = self._reader(found["weights"])
        if "labels" in found:
            self.labels = self._reader(found["labels"])

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> np.ndarray:
        return self._reader(self._tokens)(index)

    def _reader(self, values: np.ndarray) -> Any:
        return lambda index: np.asarray(values[self._offsets[index] : self._offsets[index + 1]])


def write_corpus(store: Any, folder: Path, labels: Any = None) -> None:
    """Write a corpus as arrays.

    Parameters
    ----------
    store
        The corpus.
    folder
        Folder to create.
    labels
        Function ``labels(i)`` that replaces the corpus's own; None to keep those.
    """
    labels = labels or getattr(store, "labels", None)
    readers = {"tokens": store.__getitem__, "weights": getattr(store, "weights", None), "labels": labels}
    offsets = np.r_[0, np.cumsum(store.lengths)].astype(np.int64)
    with atomic_folder(folder) as temporary:
        np.save(temporary / "offsets.npy", offsets, allow_pickle=False)
        for name, read in readers.items():
            if read is None:
                continue
            array: np.ndarray | None = None
            for index in range(len(store)):
                values = np.asarray(read(index))
                if array is None:
                    path, shape = temporary / f"{name}.npy", (int(offsets[-1]),)
                    array = np.lib.format.open_memmap(path, mode="w+", dtype=values.dtype, shape=shape)
                array[offsets[index] : offsets[index + 1]] = values
        tokenizer_hash = getattr(store, "tokenizer_hash", None)
        write_json(temporary / "corpus.json", {"hash": store.hash, "tokenizer_hash": tokenizer_hash})


def write_task(store: Any, objective: Any, folder: Path) -> dict[str, Any]:
    """Write a corpus and its objective.

    Parameters
    ----------
    store
        The corpus.
    objective
        Training objective.
    folder
        Folder for arrays, created if necessary.

    Returns
    -------
    dict
        Description for `read_task`, plain JSON values.

    Raises
    ------
    BadInput
        An objective that is not part of glmkit.
    """
    if OBJECTIVES.get(getattr(objective, "name", "")) is not type(objective):
        raise BadInput(
            f"{type(objective).__name__} cannot be transferred to other processes; expected one of "
            f"{', '.join(kind.__name__ for kind in OBJECTIVES.values())}. Train it with fit, in this process."
        )
    labels = objective.own_labels if isinstance(objective, TokenClassification) else None
    if isinstance(store, TokenStore) and labels is None:
        where = {"store": str(Path(store.folder).resolve())}
    else:
        write_corpus(store, folder / "corpus", labels)
        where = {"corpus": str((folder / "corpus").resolve())}
    arrays = objective.arrays()
    for name, array in arrays.items():
        with atomic_path(folder / f"{name}.npy") as temporary, open(temporary, "wb") as file:
            np.save(file, array, allow_pickle=False)
    paths = {name: str((folder / f"{name}.npy").resolve()) for name in arrays}
    return where | {"objective": objective.name, "settings": objective.settings(), "arrays": paths}


def read_task(task: dict[str, Any]) -> tuple[Any, Objective]:
    """Open a corpus and objective written by `write_task`.

    Parameters
    ----------
    task
        Description returned by `write_task`.

    Returns
    -------
    tuple
        The corpus and its objective.
    """
    store = TokenStore.open(task["store"]) if "store" in task else WrittenCorpus(Path(task["corpus"]))
    arrays = {name: np.load(path, allow_pickle=False) for name, path in task["arrays"].items()}
    return store, OBJECTIVES[task["objective"]](**arrays, **task["settings"])


def write_model(model: Any, folder: Path) -> None:
    """Write a model for `read_model`: network, head, weights, and which parameters are trainable.

    Parameters
    ----------
    model
        A LanguageModel or a head.
    folder
        Folder to create.

    Raises
    ------
    BadInput
        A network or head of a kind that cannot be rebuilt from its settings.
    """
    if not isinstance(model.network.config, get_args(Config)):
        raise BadInput(
            f"A {type(model.network).__name__} cannot be transferred to other processes; expected the network of one of "
            f"{', '.join(kind.__name__ for kind in get_args(Config))}. Train it with fit, in this process."
        )
    head = None if isinstance(model, LanguageModel) else head_settings(model)
    config = model.network.config
    settings = {"network": type(config).__name__, "config": asdict(config), "head": head, "card": model.card}
    frozen = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
    with atomic_folder(folder) as temporary:
        model.tokenizer.save(temporary)
        write_weights(temporary / "model.safetensors", tensors_of(model))
        write_json(temporary / "model.json", settings | {"frozen": frozen, "adapter": getattr(model, "adapter", None)})


def fill(model: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    """Load tensors from `tensors_of` into a model of the same kind.

    Parameters
    ----------
    model
        Model on any device; changed in place.
    tensors
        Tensors by name.

    Raises
    ------
    BadInput
        Tensors with other names than the model's.
    """
    missing, unknown = model.load_state_dict(tensors, strict=False)
    wrong = [name for name in missing if not name.startswith("contact_head.")] + list(unknown)
    if wrong:
        raise BadInput(f"The weights do not match the model: {wrong[0]!r} is missing or unknown.")


def tensors_of(model: nn.Module) -> dict[str, torch.Tensor]:
    """Weights of a model for storage.

    Parameters
    ----------
    model
        Model on any device; if it is sharded, all processes must call this function.

    Returns
    -------
    dict
        Contiguous CPU tensors by name, without a contact head, which no objective trains.
    """
    state = {name: value for name, value in model.state_dict().items() if not name.startswith("contact_head.")}
    return {name: whole(value).clone() for name, value in state.items()}


def read_model(folder: Path) -> Any:
    """Rebuild a model written by `write_model`.

    Parameters
    ----------
    folder
        Folder of the model.

    Returns
    -------
    LanguageModel or head
        Model on the CPU.
    """
    about = read_json(folder / "model.json")
    kinds = {kind.__name__: kind for kind in get_args(Config)}
    # JSON converts tuples to lists, and configurations contain tuples only.
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in about["config"].items()}
    config = kinds[about["network"]](**values)
    network, tokenizer = new_network(config), load_tokenizer(folder)
    if about["head"] is None:
        model: Any = LanguageModel(network, tokenizer, about["card"])
    else:
        model = make_head(about["head"], network, tokenizer, about["card"])
    if about["adapter"]:
        lora(model, **{name: value for name, value in about["adapter"].items() if name != "base"})
        model.adapter = about["adapter"]
    fill(model, read_weights(folder / "model.safetensors"))
    frozen = set(about["frozen"])
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in frozen)
    return model
