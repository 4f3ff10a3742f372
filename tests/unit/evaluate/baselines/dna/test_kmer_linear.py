"""A linear model of short words finds a planted one, in DNA of uneven lengths, as classes and as values."""

import numpy as np
import pytest

from glmkit.errors import BadInput
from glmkit.evaluate.baselines.dna import KmerLinear


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_a_planted_word_is_found(kind: str) -> None:
    rng = np.random.default_rng(0)
    labels, sequences = rng.integers(0, 2, 190), []
    for label in labels:
        letters = list(rng.choice(list("ACGT"), rng.integers(40, 60)))
        place = rng.integers(0, 34)
        letters[place : place + 6] = "TTGACA" if label else "ACAGTT"  # the same letters in another order
        sequences.append("".join(letters))
    values = labels if kind == "classification" else labels * 3.0 - 7
    words = KmerLinear(kind, k=6).fit(sequences[:150], values[:150])
    scores = words.score([*sequences[150:], sequences[3].lower(), "N" * 9])
    assert scores.shape == (42,)
    assert np.mean((scores[:40] > values.mean()) == labels[150:]) > 0.8
    assert scores[40] == pytest.approx(words.score(sequences[3:4])[0])
    with pytest.raises(BadInput, match="k: expected 1 to 8, got 9"):
        KmerLinear(k=9)
