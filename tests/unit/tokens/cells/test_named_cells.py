"""The form in which a tokenizer reads named cells."""

import anndata
import numpy as np
import pandas as pd
import pytest

from glmkit.errors import BadInput
from glmkit.tokens import CellTokenizer, Panel, RankTokenizer, cell_inputs


def table(*features: str) -> anndata.AnnData:
    counts = np.arange(1.0, 1 + 4 * len(features)).reshape(4, len(features))
    return anndata.AnnData(counts, obs=pd.DataFrame(index=list("abcd")), var=pd.DataFrame(index=list(features)))


def test_a_rank_tokenizer_reads_rna_and_a_cell_tokenizer_reads_all() -> None:
    found = {"rna": table("ENSG1", "ENSG2", "ENSG3"), "protein": table("CD3", "CD8")}
    ranks = RankTokenizer(["ENSG1", "ENSG2"], [1.0, 2.0], length=16)
    several = CellTokenizer(ranks, [Panel.fit("protein", found["protein"], bins=2, normalise="clr")])
    assert cell_inputs(ranks, found, ("d", "a")).X[:, 0].tolist() == [10.0, 1.0]
    both = cell_inputs(several, found, ["c", "b"])
    assert {name: (cells.obs_names.tolist(), cells.n_vars) for name, cells in both.items()} == {
        "rna": (["c", "b"], 3),
        "protein": (["c", "b"], 2),
    }
    with pytest.raises(BadInput, match=r"reads RNA, and the modalities are protein\. Add 'rna'"):
        cell_inputs(ranks, {"protein": found["protein"]}, ["a"])
