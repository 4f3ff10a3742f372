"""Exchange of beginnings between sequences."""

import numpy as np
import pytest

from glmkit.errors import BadInput
from glmkit.interpret.attribution import exchange_starts


def test_each_host_keeps_its_rest_and_gets_the_start_of_a_donor() -> None:
    hosts = ["AAAAAHOST", "CCCCCREST", "DD"]
    made = exchange_starts(hosts, ["LMNPQxx", "STVWYyyyy", "GG"], 5, np.random.default_rng(3))
    assert [one[5:] for one in made] == ["HOST", "REST", ""]
    assert {one[:5] for one in made} <= {"LMNPQ", "STVWY"}
    assert made == exchange_starts(hosts, ["LMNPQxx", "STVWYyyyy"], 5, np.random.default_rng(3))


def test_shuffled_starts_keep_their_composition() -> None:
    (made,) = exchange_starts(["AAAAAHOST"], ["LMNPQxx"], 5, np.random.default_rng(1), shuffle=True)
    assert made[:5] != "LMNPQ"
    assert (sorted(made[:5]), made[5:]) == (sorted("LMNPQ"), "HOST")


def test_without_a_donor_that_is_long_enough_there_is_no_exchange() -> None:
    with pytest.raises(BadInput, match="at least one of 5 letters or more, got none of 1"):
        exchange_starts(["AAAAAHOST"], ["LMN"], 5, np.random.default_rng(0))
