"""Cells into a token store: every source gives the same store, block by block, with names and without empty cells."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import anndata
import numpy as np
import pytest
from scipy import sparse

from glmkit.bio import DataReport, read_cells
from glmkit.errors import BadInput
from glmkit.tokens import Ragged, RankTokenizer, TokenStore, write_cell_tokens
from glmkit.tokens.names import NamesFile

AS_IS = partial(read_cells, genes="as_is", backed=True)  # names that are no genes
GENES = [f"g{i}" for i in range(17)]


def cells(n: int, seed: int = 0) -> anndata.AnnData:
    rng = np.random.default_rng(seed)
    counts = rng.negative_binomial(1, 0.4, (n, len(GENES))) + np.eye(n, len(GENES))
    adata = anndata.AnnData(sparse.csr_matrix(counts.astype(np.float32)))
    adata.var_names, adata.obs_names = GENES, [f"cell{seed}_{i}" for i in range(n)]
    return adata


def rank(**more) -> RankTokenizer:
    return RankTokenizer(GENES[1:], np.linspace(1, 4, len(GENES) - 1), **more)


def test_every_source_gives_the_same_store(tmp_path: Path) -> None:
    first, second, tokenizer = cells(23), cells(19, 1), rank(layout="v2")
    expected = [tokenizer.encode_cells(adata) for adata in (first, second)]
    paths = [tmp_path / "first.h5ad", tmp_path / "second.zarr"]
    first.write_h5ad(paths[0])
    second.write_zarr(paths[1])

    def made() -> Iterator[anndata.AnnData]:
        yield from (first[:9], first[9:], second)

    stores = [
        write_cell_tokens(tmp_path / f"store{i}", source, tokenizer, chunk, read=AS_IS)
        for i, (source, chunk) in enumerate([([first, second], 4096), (paths, 5), (made(), 1), ([first, str(paths[1])], 8)])
    ]
    assert len({store.hash for store in stores}) == 1
    store = stores[1]
    assert store.names == [*first.obs_names, *second.obs_names]
    assert store.lengths.tolist() == [*expected[0].lengths, *expected[1].lengths]
    for i in range(len(store)):
        np.testing.assert_array_equal(store[i], expected[0].item(i) if i < 23 else expected[1].item(i - 23))
    assert store.tokenizer_hash == tokenizer.hash
    assert store.tokenizer().vocabulary == tokenizer.vocabulary


def test_cells_without_tokens_are_left_out_and_counted(tmp_path: Path) -> None:
    adata = cells(7)
    adata.X = adata.X.toarray()
    adata.X[[2, 5], 1:] = 0  # what is left is a gene that the vocabulary does not hold
    report = DataReport()
    store = write_cell_tokens(tmp_path / "store", adata, rank(), report=report)
    assert store.names == [f"cell0_{i}" for i in (0, 1, 3, 4, 6)]
    entry = report.as_dict()["cell_without_tokens"]
    assert (entry["count"], entry["places"]) == (2, ["cell0_2", "cell0_5"])
    assert entry["fraction"] == pytest.approx(2 / 7)
    adata.X[:] = 0
    with pytest.raises(BadInput, match="No sequences to store"):
        write_cell_tokens(tmp_path / "store", adata, rank())
    assert TokenStore.open(tmp_path / "store").hash == store.hash


def test_errors_name_the_file_and_leave_nothing(tmp_path: Path) -> None:
    adata = cells(7)
    adata.write_h5ad(tmp_path / "first.h5ad")
    adata.X = adata.X.toarray()
    adata.X[3, 4] = 0.5
    adata.obs_names = [f"other{i}" for i in range(7)]
    adata.write_h5ad(tmp_path / "second.h5ad")
    with pytest.raises(BadInput, match=r"got 0.5 \(cell 'other3', gene 'g4'\)") as caught:
        write_cell_tokens(
            tmp_path / "store", [tmp_path / "first.h5ad", tmp_path / "second.h5ad"], rank(), 2, read=anndata.read_h5ad
        )
    assert caught.value.__notes__ == [f"file {tmp_path / 'second.h5ad'}"]
    with pytest.raises(BadInput, match="The name 'cell0_0' is used for two sequences"):
        write_cell_tokens(tmp_path / "store", [tmp_path / "first.h5ad"] * 2, rank(), read=AS_IS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.h5ad", "second.h5ad"]


def test_another_tokenizer_reads_modalities_block_by_block(tmp_path: Path) -> None:
    class Both:
        """Stands for a tokenizer of several modalities: the ranks of both, one after the other."""

        def __init__(self) -> None:
            self.sizes: list[int] = []
            self.rank = rank()

        def __getattr__(self, name: str):
            return getattr(self.rank, name)

        def encode_cells(self, cells: dict[str, anndata.AnnData]) -> Ragged:
            left, right = (self.rank.encode_cells(cells[key]) for key in ("rna", "protein"))
            self.sizes.append(len(left.lengths))
            rows = [np.r_[left.item(i), right.item(i)] for i in range(len(left.lengths))]
            return Ragged(np.concatenate(rows), np.r_[0, np.cumsum([len(row) for row in rows])])

    first, second, tokenizer = cells(11), cells(11, 4), Both()
    store = write_cell_tokens(tmp_path / "store", {"rna": first, "protein": second}, tokenizer, 4)
    assert tokenizer.sizes == [4, 4, 3]
    assert store.names == list(first.obs_names)
    expected = [rank().encode_cells(adata).item(6) for adata in (first, second)]
    np.testing.assert_array_equal(store[6], np.concatenate(expected))


def test_names_are_unique_even_where_their_numbers_are_equal(tmp_path: Path) -> None:
    with NamesFile(tmp_path / "names.json") as names:
        for name in ("ä", 'b"', "c"):
            names.add(name)
        names._numbers[0] = names._numbers[1]  # as if two names had one number
    assert (tmp_path / "names.json").read_text() == '[\n"ä",\n"b\\"",\n"c"\n]'
    with pytest.raises(BadInput, match="The name 'b' is used for two"):
        write_names(tmp_path / "names.json", ["a", "b", "c", "b"])


def write_names(path: Path, given: list[str]) -> None:
    with NamesFile(path) as names:
        for name in given:
            names.add(name)
