"""Cells in memory as a corpus: what a loader of batches asks for, and an identity that follows the content."""

import anndata
import numpy as np
import pandas as pd
import pytest

from glmkit.data import EncodedCells
from glmkit.errors import BadInput
from glmkit.tokens import BaseTokenizer, RankTokenizer
from glmkit.train.objectives.batches import gather

GENES = tuple(f"gene {i}" for i in range(9))


def cells(n: int = 7) -> anndata.AnnData:
    counts = np.random.default_rng(0).poisson(0.9, (n, 9)).astype(np.float32)
    counts[:, 2] += 1
    obs, var = pd.DataFrame(index=[f"cell {i}" for i in range(n)]), pd.DataFrame(index=list(GENES))
    return anndata.AnnData(counts, obs=obs, var=var)


def test_it_has_the_face_of_a_corpus() -> None:
    tokenizer = RankTokenizer(GENES, np.ones(9), layout="v2")
    corpus, ragged = EncodedCells(cells(), tokenizer), tokenizer.encode_cells(cells())
    assert len(corpus) == 7
    assert corpus.names[:2] == ["cell 0", "cell 1"]
    assert corpus.tokenizer_hash == tokenizer.hash
    assert corpus.lengths.tolist() == ragged.lengths.tolist()
    batch = gather(corpus, np.array([5, 1]), tokenizer.prefix, tokenizer.suffix)
    np.testing.assert_array_equal(batch.tokens, [2, *ragged.item(5), 3, 2, *ragged.item(1), 3])


def test_its_hash_is_that_of_its_content() -> None:
    tokenizer = RankTokenizer(GENES, np.ones(9))
    given = cells()
    same, other = EncodedCells({"rna": given}, tokenizer), cells()
    other.X[3, 2] += 50
    assert same.hash == EncodedCells(given, tokenizer).hash
    assert same.hash != EncodedCells(other, tokenizer).hash


def test_what_is_refused() -> None:
    with pytest.raises(BadInput, match=r"BaseTokenizer\) reads sequences, got cells"):
        EncodedCells(cells(), BaseTokenizer())
    given = cells()
    given.X[4, :] = 0
    given.X[4, 8] = 5
    with pytest.raises(BadInput, match="1 of 7 cells have no token, the first 'cell 4'"):
        EncodedCells(given, RankTokenizer(GENES[:8], np.ones(8)))
