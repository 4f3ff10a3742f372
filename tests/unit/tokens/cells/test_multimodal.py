"""A cell of several modalities as tokens: layout, ids by modality, what hides what, and back from disk."""

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from glmkit.errors import BadInput
from glmkit.tokens import CellTokenizer, Panel, RankTokenizer, Tokenizer, load_tokenizer

GENES = tuple(f"ENSG{i:011d}" for i in range(7))
PROTEINS, PEAKS = ("CD3", "CD4", "CD19"), ("chr1:1-5", "chr2:7-9")
N = 11


def matrix(features: tuple[str, ...], seed: int, mean: float) -> anndata.AnnData:
    counts = np.random.default_rng(seed).poisson(mean, (N, len(features))).astype(np.float32)
    counts[:, 0] += 1
    obs = pd.DataFrame(index=[f"cell {i}" for i in range(N)])
    return anndata.AnnData(sp.csr_matrix(counts), obs=obs, var=pd.DataFrame(index=list(features)))


@pytest.fixture
def cells() -> dict[str, anndata.AnnData]:
    return {"rna": matrix(GENES, 0, 0.7), "protein": matrix(PROTEINS, 1, 4), "atac": matrix(PEAKS, 2, 0.5)}


def tokenizer_of(cells: dict[str, anndata.AnnData], layout: str = "v1", rna: bool = True) -> CellTokenizer:
    panels = [Panel.fit("protein", cells["protein"], bins=3), Panel.fit("atac", cells["atac"], normalise="binary")]
    return CellTokenizer(RankTokenizer(GENES, np.arange(1.0, 8), layout=layout) if rna else None, panels)


def names(tokenizer: CellTokenizer, ids: np.ndarray) -> list[str]:
    return [tokenizer.vocabulary[i] for i in ids]


@pytest.mark.parametrize("layout", ["v1", "v2"])
def test_a_cell_is_its_panels_and_then_its_ranks(cells: dict[str, Any], layout: str) -> None:
    tokenizer = tokenizer_of(cells, layout)
    assert isinstance(tokenizer, Tokenizer)
    ragged, ranks = tokenizer.encode_cells(cells), tokenizer.rna.encode_cells(cells["rna"])
    assert ragged.ids.dtype == tokenizer.dtype
    assert len(set(ranks.lengths.tolist())) > 1
    for i in range(N):
        found = ragged.item(i)
        values = names(tokenizer, found[:5])
        assert [value.rsplit(":", 1)[0] for value in values] == [*PROTEINS, *PEAKS]
        np.testing.assert_array_equal(found[5:], ranks.item(i))
    block = tokenizer.panels[0].places(cells["protein"])
    assert names(tokenizer, ragged.item(4)[:3]) == [tokenizer.panels[0].tokens[i] for i in block[4]]
    np.testing.assert_array_equal(tokenizer.encode_cells(cells, chunk=3).ids, ragged.ids)


def test_ids_are_ordered_by_modality(cells: dict[str, Any]) -> None:
    tokenizer = tokenizer_of(cells)
    proteins = 3 + int(tokenizer.panels[0].bins.sum())
    assert tokenizer.segment_starts == (0, 9, 9 + proteins)
    assert tokenizer.modalities == ("rna", "protein", "atac")
    kinds = tokenizer.modality
    assert kinds[:2].tolist() == [-1, -1]
    assert (kinds[2:9] == 0).all()
    assert (kinds[9 : 9 + proteins] == 1).all()
    assert (kinds[9 + proteins :] == 2).all()
    assert tokenizer.panel_ids("atac") == (9 + proteins, len(tokenizer.vocabulary))
    assert (tokenizer.place_of("protein"), tokenizer.place_of("atac"), tokenizer.first_rank) == (0, 3, 5)
    assert tokenizer.token_of[GENES[3]] == 5


def test_what_hides_a_token_and_what_may_replace_it(cells: dict[str, Any]) -> None:
    tokenizer = tokenizer_of(cells)
    ids = {name: i for i, name in enumerate(tokenizer.vocabulary)}
    assert tokenizer.hidden_by[ids[GENES[2]]] == tokenizer.mask_id == 1
    assert tokenizer.kin[ids[GENES[2]]].tolist() == [2, 9]
    assert tokenizer.hidden_by[ids["CD4:1"]] == tokenizer.hidden_by[ids["CD4:?"]] == ids["CD4:?"]
    assert tokenizer.kin[ids["CD4:1"]].tolist() == [ids["CD4:0"], ids["CD19:?"]]
    assert not tokenizer.maskable[[0, 1, ids["CD4:?"]]].any()
    assert tokenizer.maskable[[ids["CD4:0"], ids[GENES[6]]]].all()
    constant = "chr1:1-5:0"  # open in every training cell
    assert not tokenizer.maskable[ids[constant]]
    assert tokenizer.hidden_by[ids[constant]] == ids["chr1:1-5:?"]


def test_a_modality_that_is_missing_is_unknown(cells: dict[str, Any]) -> None:
    tokenizer = tokenizer_of(cells)
    whole = tokenizer.encode_cells(cells)
    for given in (cells["rna"], {"rna": cells["rna"]}, {"rna": cells["rna"], "hashtag": cells["atac"]}):
        ragged = tokenizer.encode_cells(given)
        np.testing.assert_array_equal(ragged.offsets, whole.offsets)
        assert names(tokenizer, ragged.item(2)[:5]) == [f"{feature}:?" for feature in (*PROTEINS, *PEAKS)]
        np.testing.assert_array_equal(ragged.item(2)[5:], whole.item(2)[5:])
    without = tokenizer.encode_cells({"atac": cells["atac"], "protein": cells["protein"]})
    assert without.lengths.tolist() == [5] * N
    np.testing.assert_array_equal(without.item(3), whole.item(3)[:5])


def test_one_cell_by_its_counts_is_the_same(cells: dict[str, Any]) -> None:
    tokenizer = tokenizer_of(cells)
    row = {name: adata.X[6].toarray()[0] for name, adata in cells.items()}
    np.testing.assert_array_equal(tokenizer.encode(row), tokenizer.encode_cells(cells).item(6))
    del row["protein"]
    expected = tokenizer.encode_cells({name: cells[name] for name in ("rna", "atac")}).item(6)
    np.testing.assert_array_equal(tokenizer.encode(row), expected)
    assert tokenizer.decode(expected).split(" ")[:4] == ["CD3:?", "CD4:?", "CD19:?", "chr1:1-5:0"]


@pytest.mark.parametrize("rna", [True, False])
def test_back_from_disk(cells: dict[str, Any], rna: bool, tmp_path: Path) -> None:
    tokenizer = tokenizer_of(cells, rna=rna)
    tokenizer.save(tmp_path)
    again = load_tokenizer(tmp_path)
    assert isinstance(again, CellTokenizer)
    assert again.hash == tokenizer.hash
    assert again.vocabulary == tokenizer.vocabulary
    np.testing.assert_array_equal(again.encode_cells(cells).ids, tokenizer.encode_cells(cells).ids)
    assert again.panels[0].centres[1].tolist() == tokenizer.panels[0].centres[1].tolist()


def test_without_rna_there_are_special_tokens_all_the_same(cells: dict[str, Any]) -> None:
    tokenizer = tokenizer_of(cells, rna=False)
    assert tokenizer.vocabulary[:4] == ("<pad>", "<mask>", "<cls>", "<eos>")
    assert (tokenizer.prefix, tokenizer.suffix) == ((2,), (3,))
    assert tokenizer.segment_starts[:2] == (0, 4)
    assert tokenizer.encode_cells(cells).lengths.tolist() == [5] * N
    assert tokenizer.length == 7


def test_what_is_refused(cells: dict[str, Any]) -> None:
    tokenizer = tokenizer_of(cells)
    with pytest.raises(BadInput, match="expected one of the modalities rna, protein, atac, got hashtag"):
        tokenizer.encode_cells({"hashtag": cells["rna"]})
    with pytest.raises(BadInput, match="the modality 'protein' has 9 cells, which are not the 11 of 'rna' in the same order"):
        tokenizer.encode_cells({"rna": cells["rna"], "protein": cells["protein"][:9]})
    with pytest.raises(BadInput, match="are not the 11 of 'rna' in the same order"):
        tokenizer.encode_cells({"rna": cells["rna"], "protein": cells["protein"][::-1]})
    with pytest.raises(BadInput, match="This tokenizer has no panel 'hashtag'; it has 'protein', 'atac'"):
        tokenizer.panel("hashtag")
    with pytest.raises(BadInput, match="needs RNA or panels"):
        CellTokenizer(None)
    twin = Panel.from_description(tokenizer.panels[0].description() | {"name": "again"})
    with pytest.raises(BadInput, match=r"has 'CD3:\?' twice"):
        CellTokenizer(None, [tokenizer.panels[0], twin])


def test_dense_sparse_and_backed_are_the_same(cells: dict[str, Any], tmp_path: Path) -> None:
    tokenizer = tokenizer_of(cells)
    expected = tokenizer.encode_cells(cells)
    for how in (lambda x: x.toarray(), sp.csc_matrix):
        stored = {name: anndata.AnnData(how(adata.X), obs=adata.obs, var=adata.var) for name, adata in cells.items()}
        np.testing.assert_array_equal(tokenizer.encode_cells(stored).ids, expected.ids)
    for name, adata in cells.items():
        adata.write_h5ad(tmp_path / f"{name}.h5ad")
    backed = {name: anndata.read_h5ad(tmp_path / f"{name}.h5ad", backed="r") for name in cells}
    found = tokenizer.encode_cells(backed, chunk=4)
    np.testing.assert_array_equal(found.ids, expected.ids)
    np.testing.assert_array_equal(found.offsets, expected.offsets)
