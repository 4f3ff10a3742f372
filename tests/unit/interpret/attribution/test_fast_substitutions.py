"""Pieces give what whole windows give, wherever a substitution stands, and are not used where they would not."""

from typing import Any

import numpy as np
import pytest
import torch

from glmkit.interpret import mutagenesis
from glmkit.interpret.attribution.fast_substitutions import reach
from glmkit.interpret.attribution.target import score_function
from glmkit.models import TransformerConfig, new_classifier, new_model, new_regressor
from glmkit.tokens import BaseTokenizer, make_tokenizer

SHAPE: dict[str, Any] = {"vocabulary_size": 10, "width": 12, "layers": 2, "heads": 3, "feedforward": 20}
LOCAL = {"mixing": ("convolution", "local"), "kernel": 5, "window": 3}


def head(regress: bool = False, pool: Any = "mean", **options: Any) -> Any:
    model = new_model(TransformerConfig(**(SHAPE | options)), BaseTokenizer(), seed=1)
    made = (
        new_regressor(model, ["a", "b"], pool=pool, seed=2)
        if regress
        else new_classifier(model, ["no", "yes"], pool=pool, seed=2)
    )
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return made


@pytest.mark.parametrize("options", [LOCAL, LOCAL | {"causal": True}, LOCAL | {"regress": True}])
def test_equal_to_whole_windows(options: dict[str, Any]) -> None:
    model = head(**options)
    if options.get("regress"):
        model.scale.fill_(3.0)
        model.shift.fill_(-2.0)
    assert reach(model) == (7 if options.get("causal") else 5)
    windows = ["".join(row) for row in np.random.default_rng(0).choice(list("ACGTN"), (3, 61))]
    places = [0, 1, 4, 9, 30, 52, 59, 60]
    read = []
    model.network.register_forward_hook(lambda _, inputs, __: read.append(len(inputs[0])))
    found = mutagenesis(model, windows, positions=places)
    pieces = sum(read)
    whole = mutagenesis(score_function(model), windows, positions=places)
    assert np.nanmax(np.abs(whole)) > 1e-3
    np.testing.assert_allclose(found, whole, atol=2e-6 * np.abs(score_function(model)(windows)).max())
    assert np.isnan(found[:, 2]).all()
    assert pieces < (sum(read) - pieces) / 2


def test_whole_windows_where_pieces_would_not_do() -> None:
    assert reach(head(mixing=("convolution", "global"))) is None
    assert reach(head(pool="centre", **LOCAL)) is None
    assert reach(head(positions="learned", maximum_positions=80, **LOCAL)) is None
    words = make_tokenizer("kmer4")
    config = TransformerConfig(**(SHAPE | LOCAL | {"vocabulary_size": len(words.vocabulary)}))
    assert reach(new_classifier(new_model(config, words), ["no", "yes"])) is None
    assert reach(lambda sequences: np.zeros(len(sequences))) is None
