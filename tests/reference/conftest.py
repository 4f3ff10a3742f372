"""Numbers held against an independent implementation; the differences found are printed as a table at the end."""

from typing import Any

import pytest
import torch


@pytest.fixture
def differs(record_property: Any) -> Any:
    """``differs(family, what, ours, theirs)``: the largest difference relative to the largest value, recorded for the table."""

    def measure(family: str, what: str, ours: torch.Tensor, theirs: torch.Tensor) -> float:
        assert ours.shape == theirs.shape
        found = ((ours - theirs).abs().max() / theirs.abs().max()).item()
        record_property("parity", (family, what, found))
        return found

    return measure
