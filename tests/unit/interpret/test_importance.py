"""Planted genes and SNPs come out on top, with honest intervals."""

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from glmkit.errors import BadInput
from glmkit.interpret import gene_importance, snp_importance
from glmkit.interpret.genes import importance_table
from glmkit.interpret.snps import linkage_blocks
from glmkit.models.heads import SequenceClassifier
from glmkit.tokens import BaseTokenizer, RankTokenizer

GENES = tuple(f"ENSG{i:011d}" for i in range(9))
CELLS, PEOPLE, SNPS = 25, 240, 14


@pytest.fixture(scope="module")
def cells() -> anndata.AnnData:
    counts = np.random.default_rng(0).poisson(0.8, (CELLS, len(GENES))).astype(np.float32)
    counts[:, 0] += 1
    return anndata.AnnData(counts, obs=pd.DataFrame(index=[f"c{i}" for i in range(CELLS)]), var=pd.DataFrame(index=list(GENES)))


class Marker(SequenceClassifier):
    """A classifier whose log-odds are 2 with gene 4 and less 1 with gene 6."""

    def __init__(self) -> None:
        network: Any = SimpleNamespace(config=SimpleNamespace(causal=False))
        tokenizer = RankTokenizer(GENES, np.arange(1.0, 10), symbols={GENES[4]: "CD19", GENES[6]: "LYZ"})
        super().__init__(network, ["T", "B"], tokenizer)
        self.out = nn.Linear(1, 2)  # its device is the model's

    def forward(self, tokens: torch.Tensor, boundaries: torch.Tensor) -> torch.Tensor:
        first, second = (self.tokenizer.token_of[GENES[i]] for i in (4, 6))
        odds = [2.0 * (first in tokens[a:b]) - 1.0 * (second in tokens[a:b]) for a, b in pairwise(boundaries.tolist())]
        return torch.stack([torch.zeros(len(odds)), torch.tensor(odds)], 1)


def test_a_marker_gene_is_worth_its_logit(cells: anndata.AnnData) -> None:
    table = gene_importance(Marker(), cells, groups=[i % 5 for i in range(CELLS)])
    assert table["gene"].tolist()[:2] == [GENES[4], GENES[6]]
    assert table["symbol"].tolist()[:2] == ["CD19", "LYZ"]
    assert table["cells"].tolist()[:2] == [(cells.X[:, 4] > 0).sum(), (cells.X[:, 6] > 0).sum()]
    np.testing.assert_allclose(table[["importance", "low", "high"]][:2], [[2, 2, 2], [-1, -1, -1]], atol=1e-6)
    assert len(table) == 9
    assert table["importance"][2:].tolist() == [0] * 7
    some = gene_importance(Marker(), cells, ["LYZ", GENES[0]], target=0)
    assert some[["gene", "symbol", "importance"]].to_numpy().tolist() == [[GENES[6], "LYZ", 1], [GENES[0], GENES[0], 0]]
    assert gene_importance(Marker(), cells, most=1)["gene"].tolist() == [GENES[0]]  # every cell has it


def test_a_function_of_a_matrix_is_asked_without_each_gene(cells: anndata.AnnData) -> None:
    frame = pd.DataFrame(cells.X, columns=list("ABCDEFGHI"))
    table = gene_importance(lambda x: x[:, 3] * 2 - 0.5 * x[:, 5], frame)
    on = frame["D"][frame["D"] > 0]
    assert table["gene"].tolist()[:2] == ["D", "F"]
    assert table["importance"][0] == pytest.approx(2 * on.mean())
    assert table["low"][0] < table["importance"][0] < table["high"][0]
    again = gene_importance(lambda x: x[:, 3] * 2 - 0.5 * x[:, 5], cells, [GENES[3]])
    assert again["importance"][0] == pytest.approx(table["importance"][0])
    assert not frame["D"].eq(0).all()  # the caller's table is as it was


def test_attributions_become_a_table() -> None:
    values = np.array([[1.0, -3, 0], [1, 3, np.nan], [1, -3, np.nan], [1, -3, np.nan]])
    table = importance_table(values, ["a", "b", "c"])
    assert table[["name", "items", "importance", "mean"]].to_numpy().tolist() == [
        ["b", 4, 3, -1.5],
        ["a", 4, 1, 1],
        ["c", 1, 0, 0],
    ]
    assert np.isnan(table["low"][2])


def genotypes(seed: int) -> pd.DataFrame:
    """Independent SNPs, but for 3, 4 and 5, which are nearly copies of one another, and 11, which does not vary."""
    rng = np.random.default_rng(seed)
    table = rng.binomial(2, 0.4, (PEOPLE, SNPS)).astype(float)
    for copy in (4, 5):
        table[:, copy] = np.where(rng.random(PEOPLE) < 0.04, table[:, copy], table[:, 3])
    table[:, 11] = 1
    return pd.DataFrame(table, columns=[f"rs{i}" for i in range(SNPS)])


def test_planted_snps_and_their_block_come_out_on_top() -> None:
    table = genotypes(1)
    values = table.to_numpy()
    true = 1.5 * values[:, 8] + 0.6 * values[:, 3:6].sum(1)
    labels = true + np.random.default_rng(2).normal(0, 0.3, PEOPLE)
    found = snp_importance(lambda x: 1.5 * x[:, 8] + 0.6 * x[:, 3:6].sum(1), table, labels, repeats=5, draws=200)
    assert found[["kind", "name"]][:2].to_numpy().tolist() == [["block", "rs3 + 2 linked"], ["snp", "rs8"]]
    assert found["snps"].tolist()[:2] == [3, 1]
    top = found.set_index("name")
    assert (top["low"] <= top["importance"]).all()
    assert (top["importance"] <= top["high"]).all()
    assert top.loc["rs8", "low"] > 0.5
    assert top.loc["rs8", "importance"] == pytest.approx(
        2 * 1.5**2 * values[:, 8].var(), rel=0.2
    )  # twice the variance it carries
    assert top.loc["rs3 + 2 linked", "importance"] > 5 * top.loc["rs3", "importance"]  # each alone has a proxy
    unused = top.drop(["rs3 + 2 linked", "rs8", "rs3", "rs4", "rs5"])
    assert (unused["importance"].abs() < 1e-12).all()
    assert len(found) == SNPS + 1
    assert found.equals(snp_importance(lambda x: 1.5 * x[:, 8] + 0.6 * x[:, 3:6].sum(1), table, labels, repeats=5, draws=200))


def test_classes_are_judged_by_log_odds_and_families_widen_the_interval() -> None:
    table, rng = genotypes(3).iloc[:, :6], np.random.default_rng(4)
    odds = 2.0 * (table["rs1"].to_numpy() - 0.8)
    labels = (rng.random(PEOPLE) < 1 / (1 + np.exp(-odds))).astype(float)
    settings: dict[str, Any] = {"repeats": 3, "draws": 200}
    own = snp_importance(lambda x: 2.0 * (x[:, 1] - 0.8), table, labels, **settings)
    assert own["name"][0] == "rs1"
    assert own["low"][0] > 0.1
    families = snp_importance(lambda x: 2.0 * (x[:, 1] - 0.8), table, labels, groups=np.arange(PEOPLE) // 60, **settings)
    assert families["importance"][0] == own["importance"][0]
    assert (families["low"][0], families["high"][0]) != (own["low"][0], own["high"][0])


def test_blocks_by_hand() -> None:
    assert linkage_blocks(genotypes(1)).tolist() == [1, 2, 3, 4, 4, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert linkage_blocks(genotypes(1), r2=1.0).max() == SNPS
    assert linkage_blocks(genotypes(1)[["rs2"]]).tolist() == [1]


def test_what_cannot_be_asked_is_said(cells: anndata.AnnData) -> None:
    table, labels = genotypes(1), np.arange(PEOPLE, dtype=float)
    with pytest.raises(BadInput, match="'rs2' has missing values"):
        snp_importance(lambda x: x[:, 0], table.assign(rs2=np.nan), labels)
    with pytest.raises(BadInput, match="one number for each of 240 people, got \\(239,\\)"):
        snp_importance(lambda x: x[:, 0], table, labels[1:])
    with pytest.raises(BadInput, match="'logistic' needs labels 0 and 1"):
        snp_importance(lambda x: x[:, 0], table, labels, loss="logistic")
    with pytest.raises(BadInput, match="one finite score for each of 240 people"):
        snp_importance(lambda x: x[:, :1], table, labels)
    with pytest.raises(BadInput, match="2 classes; got 2"):
        gene_importance(Marker(), cells, target=2)
    with pytest.raises(BadInput, match=r"'CD91' is neither .* Did you mean 'CD19'"):
        gene_importance(Marker(), cells, ["CD91"])
    with pytest.raises(BadInput, match="columns of the cells, got 'nope'"):
        gene_importance(lambda x: x[:, 0], cells, ["nope"])
    with pytest.raises(BadInput, match="one group for each of 25 cells, got 3"):
        gene_importance(Marker(), cells, groups=[1, 2, 3])
    with pytest.raises(BadInput, match=r"expected \(n, 2\) for 2 names"):
        importance_table(np.zeros((3, 4)), ["a", "b"])
    model: Any = Marker()
    model.tokenizer = BaseTokenizer()
    with pytest.raises(BadInput, match="tokenizer"):
        gene_importance(model, cells)
