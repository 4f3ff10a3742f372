"""The recurrent baseline learns a planted motif, repeats itself, and needs no more than the others do."""

import numpy as np
import pytest

from glmkit.errors import BadInput
from glmkit.evaluate.baselines import RecurrentNetwork


def planted(n: int, seed: int) -> tuple[list[str], np.ndarray]:
    rng = np.random.default_rng(seed)
    letters, labels = rng.choice(list("ACGT"), (n, 15)), rng.integers(0, 2, n)
    letters[labels == 1, 5:9] = list("GGAG")
    return ["".join(row) for row in letters], labels


@pytest.mark.long
def test_recurrent_network_learns_and_repeats_itself() -> None:
    windows, labels = planted(300, 0)
    test, truth = planted(61, 1)
    network = RecurrentNetwork(epochs=22, width=16, batch_tokens=1500, device="cpu")
    with pytest.raises(BadInput, match="LSTM has not been fitted"):
        network.score(test)
    first = network.fit(windows, labels, seed=2).score(test)
    assert np.mean((first >= 0.5) == truth) > 0.8
    np.testing.assert_array_equal(network.fit(windows, labels, seed=2).score(test), first)
    assert not np.array_equal(network.fit(windows, labels, seed=3).score(test), first)
    assert "width 16, centre pooling" in network.description
    with pytest.raises(BadInput, match="epochs: expected at least 1, got 0"):
        RecurrentNetwork(epochs=0)
