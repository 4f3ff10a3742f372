"""Segments that follow from the id: the same numbers as BERT's token types given beside the ids."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from glmkit.errors import BadInput
from glmkit.models import LanguageModel, TransformerConfig, load, new_model, save
from glmkit.models.networks import Cache, pack

VOCABULARY, STARTS = 31, (0, 11, 17)
BERT: dict[str, Any] = {
    "width": 24,
    "layers": 2,
    "heads": 3,
    "feedforward": 40,
    "positions": "learned",
    "maximum_positions": 13,
    "norm": "post",
    "embedding_norm": True,
    "segments": 4,
}


class Numbers:
    """Ids without letters: what a model needs of a tokenizer."""

    vocabulary = tuple(map(str, range(VOCABULARY)))
    hash = "numbers"
    prefix = suffix = ()
    pad_id, mask_id, bos_id, eos_id = 0, 1, 2, 3

    def save(self, folder: Path) -> None:
        (folder / "tokenizer.json").write_text('{"hash": "numbers"}')


def model_of(starts: tuple[int, ...], **changes: Any) -> LanguageModel:
    config = TransformerConfig(vocabulary_size=VOCABULARY, segment_starts=starts, **(BERT | changes))
    model = new_model(config, Numbers(), seed=3)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(5)
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model


def sequences() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, VOCABULARY, length) for length in (7, 13, 7, 5)]


def test_transformers_with_token_types_gives_equal_logits(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    model = model_of(STARTS)
    save(model, tmp_path / "model")
    theirs, report = transformers.BertForMaskedLM.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    for ids in sequences():
        kinds = np.searchsorted(STARTS, ids, "right") - 1
        assert len(set(kinds.tolist())) > 1
        given = {"token_type_ids": torch.from_numpy(kinds)[None]}
        with torch.no_grad():
            ours = model.logits(*pack([ids]))
            expected = theirs.eval()(torch.from_numpy(ids)[None], **given).logits[0]
            without = theirs(torch.from_numpy(ids)[None]).logits[0]
        assert (ours - expected).abs().max() <= 1e-5 * expected.abs().max()
        assert (without - expected).abs().max() > 0.1  # the types matter


def test_it_opens_again_with_its_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glmkit.models.formats.open_folder.load_tokenizer", lambda folder: Numbers())
    model = model_of(STARTS)
    again = load(save(model, tmp_path / "model"), device="cpu")
    assert again.network.config.segment_starts == STARTS
    tokens, boundaries = pack(sequences())
    with torch.no_grad():
        assert torch.equal(model.logits(tokens, boundaries), again.logits(tokens, boundaries))


def test_a_format_of_our_own_keeps_them_and_older_files_lack_them() -> None:
    from glmkit.models.formats.config_json import config_to_disk, read_config

    config = TransformerConfig(vocabulary_size=VOCABULARY, segments=3, segment_starts=STARTS, mixing=("local",))
    disk = config_to_disk(config, SimpleNamespace())
    assert disk["model_type"] == "glmkit_transformer"
    assert read_config({**disk, "segment_starts": list(STARTS)}, "here", None).segment_starts == STARTS
    older = {name: value for name, value in disk.items() if name != "segment_starts"}
    assert read_config(older, "here", None).segment_starts == ()


def test_empty_starts_put_every_token_into_the_first_segment() -> None:
    plain, all_first = model_of(()), model_of((0,))
    tokens, boundaries = pack(sequences())
    with torch.no_grad():
        assert plain.network.segment_of is None
        torch.testing.assert_close(plain.logits(tokens, boundaries), all_first.logits(tokens, boundaries), atol=1e-6, rtol=1e-6)
        assert not torch.allclose(plain.logits(tokens, boundaries), model_of(STARTS).logits(tokens, boundaries), atol=0.01)
    assert plain.state_dict().keys() == model_of(STARTS).state_dict().keys()


def test_reading_on_from_a_cache_knows_the_segments() -> None:
    model = model_of(STARTS, causal=True, norm="pre")
    ids = sequences()[1]
    with torch.no_grad():
        whole = model.logits(*pack([ids]))[-1]
        cache = Cache()
        model.read_on(torch.from_numpy(ids[:8])[None], cache)
        torch.testing.assert_close(model.read_on(torch.from_numpy(ids[8:])[None], cache)[0], whole, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("starts", [(3, 7), (0, 9, 5), (0, 5, 5), (0, 40), (0, 3, 6, 9, 12)])
def test_starts_that_cannot_be_are_refused(starts: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match="segment_starts must rise from 0, stay below the vocabulary's 31 entries"):
        TransformerConfig(vocabulary_size=VOCABULARY, segment_starts=starts, **BERT)
