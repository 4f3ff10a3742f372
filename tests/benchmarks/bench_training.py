"""Masked language modelling against the Trainer of `transformers`: the same sequences once, padded there in random order.

``python tests/benchmarks/bench_training.py [proteins cells dna-512 dna-2048 dna-8192]``. Both sides start from equal weights, and
their losses on one masked batch are compared first. The Trainer masks and pads as its own collator does.
"""

import sys
import tempfile
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
import transformers
from peers import esm_pair
from turns import Row, in_turns, protein_lengths, show

from glmkit.models import LanguageModel, TransformerConfig, new_model
from glmkit.models.families.registry import family_to_save
from glmkit.models.networks import pack
from glmkit.tokens import BaseTokenizer, make_tokenizer
from glmkit.train import MaskedLanguageModel, TrainConfig, fit

TURNS = 5


class Corpus:
    """Sequences of ids in memory, as `fit` wants them."""

    def __init__(self, sequences: list[np.ndarray]) -> None:
        self.sequences, self.lengths, self.hash = sequences, np.array([len(s) for s in sequences]), "benchmark"

    def __len__(self) -> int:
        return len(self.sequences)

    def __getitem__(self, item: int) -> np.ndarray:
        return self.sequences[item]


class Genes:
    """Ids of a vocabulary as large as Geneformer's; nothing is ever encoded here."""

    vocabulary = ("<pad>", "<mask>", *(f"gene{i}" for i in range(25_424)))
    hash, kind, prefix, suffix, dtype = "genes", "genes", (), (), np.dtype(np.uint16)
    pad_id, mask_id, bos_id, eos_id, unk_id = 0, 1, 0, 0, 0
    bases_per_token = None
    maskable = np.arange(25_426) > 1


class Case(NamedTuple):
    """Both models, what they read, and the goals (float32, bf16)."""

    name: str
    ours: Callable[[], LanguageModel]
    theirs: Callable[[], Any]
    corpus: Corpus
    batch: int
    budget: int
    goals: tuple[float, float]


def collate(rows: list[dict[str, Any]], pad: int, mask: int, size: int) -> dict[str, torch.Tensor]:
    """Pad to the longest and mask 15%, 80/10/10."""
    longest = max(len(row["input_ids"]) for row in rows)
    tokens = torch.tensor([row["input_ids"] + [pad] * (longest - len(row["input_ids"])) for row in rows])
    labels = tokens.clone()
    chosen = (torch.rand(tokens.shape) < 0.15) & (tokens != pad)
    labels[~chosen] = -100
    dice = torch.rand(tokens.shape)
    inputs = torch.where(chosen & (dice < 0.8), torch.full_like(tokens, mask), tokens)
    inputs = torch.where(chosen & (dice >= 0.9), torch.randint(size, tokens.shape), inputs)
    return {"input_ids": inputs, "attention_mask": (tokens != pad).long(), "labels": labels}


def trainer(case: Case, model: Any) -> None:
    """One epoch with the Trainer."""
    tokenizer = case.ours.tokenizer
    around = (list(tokenizer.prefix), list(tokenizer.suffix))
    rows = [{"input_ids": [*around[0], *ids.tolist(), *around[1]]} for ids in case.corpus.sequences]
    with tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            folder, per_device_train_batch_size=case.batch, num_train_epochs=1, report_to=[], save_strategy="no", use_cpu=True,
            disable_tqdm=True, logging_strategy="no", remove_unused_columns=False,
        )  # fmt: skip
        size = len(tokenizer.vocabulary)
        join = lambda chosen: collate(chosen, tokenizer.pad_id, tokenizer.mask_id, size)  # noqa: E731
        transformers.Trainer(model, arguments, data_collator=join, train_dataset=rows).train()


def ours_once(case: Case, model: LanguageModel, precision: str) -> None:
    """The same sequences once with `fit`."""
    tokens = int(case.corpus.lengths.sum())
    steps = max(1, round(tokens / case.budget))
    config = TrainConfig(
        steps=steps, batch_tokens=case.budget, precision=precision, validate_every=0 or steps, checkpoint_every=steps
    )
    fit(model, case.corpus, MaskedLanguageModel(0.15), config)


def difference(case: Case, theirs: Any) -> float:
    """Relative difference of the losses of one masked batch."""
    chosen = [case.corpus[i] for i in range(2)]
    model, mask = case.ours, case.ours.tokenizer.mask_id
    hidden = [np.where(np.arange(len(ids)) % 7 == 3, mask, ids).astype(np.int64) for ids in chosen]
    with torch.no_grad():
        logits = model.logits(*pack(hidden)).split([len(ids) for ids in chosen])
        gaps = [
            (mine - theirs(torch.from_numpy(ids)[None]).logits[0]).abs().max() / mine.abs().max()
            for mine, ids in zip(logits, hidden, strict=True)
        ]
    return max(float(gap) for gap in gaps)


def pair_of(config: TransformerConfig, tokenizer: Any) -> tuple[LanguageModel, Any]:
    """A shape twice, with equal random weights."""
    model = new_model(config, tokenizer)
    family = family_to_save(config)
    disk = family.config_to_disk(config, tokenizer, False)
    title = {"esm": "Esm", "bert": "Bert"}[family.name]
    theirs = getattr(transformers, f"{title}ForMaskedLM")(getattr(transformers, f"{title}Config")(**disk))
    state = {f"network.{name}": value for name, value in model.network.state_dict().items()}
    state |= {f"head.{name}": value for name, value in model.head.state_dict().items()}
    theirs.load_state_dict(family.weights_to_disk(state, config, disk), strict=False)
    theirs.tie_weights()
    return model, theirs


def proteins() -> Case:
    rng, tokenizer = np.random.default_rng(0), make_tokenizer("protein")
    corpus = Corpus([rng.integers(4, 24, length) for length in protein_lengths(16)])
    ours, theirs = esm_pair("8M")
    assert ours.tokenizer.hash == tokenizer.hash
    return Case("MLM, proteins, ESM-2 8M", ours, theirs, corpus, 16, 4096, (4.5, 5.5))


def cells() -> Case:
    rng = np.random.default_rng(0)
    corpus = Corpus([rng.choice(np.arange(2, 25_426), 1024, replace=False) for _ in range(4)])
    config = TransformerConfig(
        vocabulary_size=25_426, width=256, layers=6, heads=4, feedforward=512, positions="learned", maximum_positions=2048,
        norm="post", activation="relu", embedding_norm=True, segments=2, family="bert",
    )  # fmt: skip
    return Case("MLM, cells, 25,426 genes, 1,024", *pair_of(config, Genes()), corpus, 4, 4096, (3.0, 4.0))


def dna(context: int, goals: tuple[float, float], **mixing: Any) -> Case:
    rng, tokenizer = np.random.default_rng(0), BaseTokenizer()
    corpus = Corpus([rng.integers(4, 8, context) for _ in range(max(1, 8_192 // context))])
    shape: dict[str, Any] = {"vocabulary_size": 10, "width": 256, "layers": 6, "heads": 8, "feedforward": 1024}
    ours, theirs = pair_of(TransformerConfig(**shape), tokenizer)
    if mixing:
        ours = new_model(TransformerConfig(**shape, **mixing), tokenizer)
    return Case(f"MLM, DNA, context {context:,}", ours, theirs, corpus, max(1, 8192 // context), 8192, goals)


CASES: dict[str, Callable[[], Case]] = {
    "proteins": proteins,
    "cells": cells,
    "dna-512": lambda: dna(512, (1.5, 1.5)),
    "dna-2048": lambda: dna(2048, (1.5, 1.5)),
    "dna-8192": lambda: dna(8192, (4.0, 4.0), mixing=("local", "local", "global"), window=128),
}


def main(names: list[str]) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    rows = []
    for name in names:
        case = CASES[name]()
        same = case.ours.network.config.mixing == ("global",)
        found = difference(case, case.theirs.eval()) if same else float("nan")
        if found > 1e-4:
            raise SystemExit(f"{case.name}: the logits differ by {found:.1e}; no timing is worth printing.")
        mine, rough, slow = in_turns(
            lambda c=case: ours_once(c, c.ours, "float32"),
            lambda c=case: ours_once(c, c.ours, "bf16"),
            lambda c=case: trainer(c, c.theirs),
            turns=TURNS,
        )
        tokens = case.corpus.lengths.sum()
        note = (
            f"{tokens / mine:,.0f} tokens/s; logits differ {found:.0e}"
            if same
            else "local 128, every third block global; another network"
        )
        rows.append(Row(f"{case.name}, float32", "Trainer, padded, random order", slow / mine, case.goals[0], note))
        rows.append(
            Row(
                f"{case.name}, bf16",
                "Trainer, padded, random order",
                slow / rough,
                case.goals[1],
                f"{tokens / rough:,.0f} tokens/s",
            )
        )
    show(rows)


if __name__ == "__main__":
    main(sys.argv[1:] or list(CASES))
