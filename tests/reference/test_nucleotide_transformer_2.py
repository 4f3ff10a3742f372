"""The Nucleotide Transformer's second version: SwiGLU without biases, against `transformers`' ESM with that part put in.

The published model comes with code of its own, which is not run here either: the feed-forward part is written out from the
paper's description (half of the wider product gates the other half through SiLU), everything else is `transformers`'.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from glmkit.errors import BadInput
from glmkit.files import read_json, write_json
from glmkit.models import load, save
from glmkit.models.networks import pack
from glmkit.tokens import NucleotideTokenizer

transformers = pytest.importorskip("transformers")
TOKENIZER = NucleotideTokenizer()
SIZES = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 20}


class Gated(torch.nn.Module):
    """Up to twice the width; the first half gates the second."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = torch.nn.Linear(24, 40, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate, signal = self.dense(x).split(20, -1)
        return F.silu(gate) * signal


@pytest.fixture
def theirs() -> Any:
    ids = {"pad_token_id": TOKENIZER.pad_id, "mask_token_id": TOKENIZER.mask_id}
    config = transformers.EsmConfig(
        vocab_size=len(TOKENIZER.vocabulary), position_embedding_type="rotary", tie_word_embeddings=False, **SIZES, **ids
    )
    torch.manual_seed(2)
    model = transformers.EsmForMaskedLM(config).eval()
    for layer in model.esm.encoder.layer:
        layer.intermediate = Gated()
        layer.output.dense = torch.nn.Linear(20, 24, bias=False)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return model


@pytest.fixture
def folder(theirs: Any, tmp_path: Path) -> Path:
    disk = theirs.config.to_dict() | {"add_bias_fnn": False, "auto_map": {"AutoModelForMaskedLM": "modeling_esm.EsmForMaskedLM"}}
    write_json(tmp_path / "config.json", disk)
    save_file({name: tensor.contiguous() for name, tensor in theirs.state_dict().items()}, tmp_path / "model.safetensors")
    (tmp_path / "vocab.txt").write_text("\n".join(TOKENIZER.vocabulary))
    return tmp_path


def test_logits_and_layers_without_running_the_code_that_comes_with_it(theirs: Any, folder: Path, differs: Any) -> None:
    ours = load(folder, device="cpu")
    assert ours.network.config.activation == "swiglu"
    given = [np.array([*TOKENIZER.prefix, *TOKENIZER.encode(text)]) for text in ("ACGTAC" * 5 + "AC", "GATTACA", "N")]
    with torch.no_grad():
        logits, states = ours.logits(*pack(given)), ours.network.hidden_states(*pack(given))
        answers = [theirs(torch.from_numpy(ids)[None], output_hidden_states=True) for ids in given]
    name = "Nucleotide Transformer v2"
    assert differs(name, "logits", logits, torch.cat([answer.logits[0] for answer in answers])) <= 1e-5
    for depth, state in enumerate(states):
        assert differs(name, "hidden states", state, torch.cat([a.hidden_states[depth][0] for a in answers])) <= 1e-5


def test_saved_again_it_opens_here_with_equal_logits(folder: Path, tmp_path: Path) -> None:
    ours = load(folder, device="cpu")
    again = load(save(ours, tmp_path / "again"), device="cpu")
    tokens, boundaries = pack([TOKENIZER.encode("ACGTTGCA")])
    assert torch.equal(again.logits(tokens, boundaries), ours.logits(tokens, boundaries))
    assert read_json(tmp_path / "again" / "config.json")["add_bias_fnn"] is False


def test_another_model_with_code_of_its_own_is_refused(folder: Path) -> None:
    disk = read_json(folder / "config.json")
    write_json(folder / "config.json", disk | {"add_bias_fnn": True})
    with pytest.raises(BadInput, match="'auto_map': the model needs Python code that came with it"):
        load(folder)
