"""A BERT of Geneformer's shape and vocabulary that `transformers` saved: equal logits and embeddings here, and back again."""

import pickle  # noqa: TID251 (to write files like the published ones)
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import torch

from glmkit.errors import BadInput
from glmkit.models import LanguageModel, load, save
from glmkit.models.networks import pack
from glmkit.score import embed
from glmkit.tokens import RankTokenizer, rank_tokenizer_from

transformers = pytest.importorskip("transformers")

ENTRIES = 25_426  # of the first version's vocabulary
SHAPE = {
    "vocab_size": ENTRIES,
    "hidden_size": 256,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 512,
    "hidden_act": "relu",
    "max_position_embeddings": 2048,
    "hidden_dropout_prob": 0.02,
    "attention_probs_dropout_prob": 0.02,
    "pad_token_id": 0,
}
LENGTHS = (57, 1, 211, 57)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("geneformer") / "published"
    torch.manual_seed(7)
    model = transformers.BertForMaskedLM(transformers.BertConfig(**SHAPE)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape))
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def theirs(folder: Path) -> Any:
    return transformers.BertForMaskedLM.from_pretrained(folder).eval()


@pytest.fixture(scope="module")
def genes(shared_data: Callable[[str], Path]) -> Path:
    return shared_data("geneformer_v1_genes.tsv.gz")


@pytest.fixture(scope="module")
def ours(folder: Path, genes: Path) -> LanguageModel:
    model = load(folder, device="cpu", tokenizer=rank_tokenizer_from(genes))
    assert isinstance(model, LanguageModel)
    return model


def cells() -> list[np.ndarray]:
    """Ranks as Geneformer has them: no gene twice, masks among them."""
    rng = np.random.default_rng(3)
    found = [rng.permutation(np.arange(2, ENTRIES))[:length] for length in LENGTHS]
    found[0][[0, 9, 10]] = 1
    return found


def counted(tokenizer: RankTokenizer, n: int = 5) -> anndata.AnnData:
    """Raw counts of 400 genes of the vocabulary and one that it lacks."""
    rng = np.random.default_rng(8)
    names = [*(tokenizer.genes[i] for i in rng.permutation(len(tokenizer.genes))[:400]), "not a gene"]
    counts = rng.poisson(rng.gamma(0.3, 3.0, (n, len(names)))).astype(np.float32)
    obs = pd.DataFrame(index=[f"cell {i}" for i in range(n)])
    return anndata.AnnData(counts, obs=obs, var=pd.DataFrame(index=names))


def run(model: Any, ids: np.ndarray) -> Any:
    with torch.no_grad():
        return model(torch.from_numpy(ids)[None], attention_mask=torch.ones(1, len(ids)), output_hidden_states=True)


def test_the_shape_is_read(ours: LanguageModel) -> None:
    config = ours.network.config
    assert (config.vocabulary_size, config.activation, config.maximum_positions) == (25_426, "relu", 2048)
    assert (config.family, config.segments, config.segment_starts) == ("bert", 2, ())
    assert ours.context == 2048


def test_logits_and_every_layer(ours: LanguageModel, theirs: Any, differs: Any) -> None:
    given = cells()
    answers = [run(theirs, ids) for ids in given]
    with torch.no_grad():
        logits, states = ours.logits(*pack(given)), ours.network.hidden_states(*pack(given))
    expected = torch.cat([answer.logits[0] for answer in answers])
    assert expected.std() > 0.1
    assert differs("Geneformer V1", "logits", logits, expected) <= 1e-5
    for depth, state in enumerate(states):
        found = differs("Geneformer V1", "hidden states", state, torch.cat([a.hidden_states[depth][0] for a in answers]))
        assert found <= 1e-5


@pytest.mark.parametrize("layer", [-1, -2])
def test_embeddings_are_the_mean_of_its_states(ours: LanguageModel, theirs: Any, layer: int, differs: Any) -> None:
    expected = torch.stack([run(theirs, ids).hidden_states[layer][0].mean(0) for ids in cells()])
    found = torch.from_numpy(embed(ours, cells(), layer))
    assert differs("Geneformer V1", f"embedding of layer {layer}", found, expected) <= 1e-5


def test_saved_again_it_opens_in_transformers(ours: LanguageModel, theirs: Any, tmp_path: Path, differs: Any) -> None:
    save(ours, tmp_path / "saved")
    again, report = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert type(again) is type(theirs)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    for ids in cells():
        found = differs("Geneformer V1", "saved, then transformers", run(again.eval(), ids).logits, run(theirs, ids).logits)
        assert found <= 1e-6


def test_cells_are_embedded_as_transformers_does_it(ours: LanguageModel, theirs: Any, differs: Any) -> None:
    adata = counted(ours.tokenizer)
    ranks = ours.tokenizer.encode_cells(adata)
    assert ranks.lengths.min() > 20
    given = [ranks.item(i).astype(np.int64) for i in range(adata.n_obs)]
    expected = torch.stack([run(theirs, ids).hidden_states[-2][0].mean(0) for ids in given])
    assert differs("Geneformer V1", "embedding of counted cells", torch.from_numpy(embed(ours, adata, -2)), expected) <= 1e-5


@pytest.mark.parametrize("dictionaries", [True, False])
def test_its_dictionaries_beside_the_weights_are_its_tokenizer(
    folder: Path, genes: Path, ours: LanguageModel, dictionaries: bool, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / "model")
    with pytest.raises(BadInput, match=r"For Geneformer, copy its dictionaries to the folder of the weights, or use load"):
        load(tmp_path / "model", device="cpu")
    tokenizer = ours.tokenizer
    if dictionaries:
        ids = {name: i for i, name in enumerate(tokenizer.vocabulary)}
        medians = dict(zip(tokenizer.genes, tokenizer.medians.tolist(), strict=True))
        names = {symbol: gene for gene, symbol in tokenizer.symbols.items()}
        for name, value in (
            ("token_dictionary_gc30M", ids),
            ("gene_median_dictionary_gc30M", medians),
            ("gene_name_id_dict_gc30M", names),
        ):
            (tmp_path / "model" / f"{name}.pkl").write_bytes(pickle.dumps(value))
    else:
        shutil.copy(genes, tmp_path / "model")
    again = load(tmp_path / "model", device="cpu")
    assert isinstance(again.tokenizer, RankTokenizer)
    assert again.tokenizer.vocabulary == tokenizer.vocabulary
    adata = counted(tokenizer)
    np.testing.assert_array_equal(again.tokenizer.encode_cells(adata).ids, tokenizer.encode_cells(adata).ids)
    assert load(save(again, tmp_path / "saved"), device="cpu").tokenizer.hash == again.tokenizer.hash
