"""A model hub that misbehaves, over real sockets: what is fetched is whole and as published, or an error says what to do."""

import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save
from transformers import BertConfig

from glmkit.errors import BadInput, NetworkError
from glmkit.models.formats import hub_calls
from glmkit.models.formats._resolve import origin, resolve
from glmkit.models.formats.hub import fetch_published, hub_card
from tests.hub_server import Hub, Model

FIRST, SECOND = "1" * 40, "abcdef0123" * 4
NAME = "someone/tiny-protein"
WEIGHTS = save({"embedding": torch.from_numpy(np.random.default_rng(0).normal(size=(3000, 7)).astype(np.float32))})


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("GLMKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub_calls, "PAUSE", 0.01)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    hub = Hub()
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    files = {
        "config.json": json.dumps(BertConfig(hidden_size=7).to_dict()).encode(),
        "vocab.txt": b"[PAD]\nA\nC\n",
        "README.md": b"# not fetched",
        "pytorch_model.bin": b"a pickle, not fetched",
        "modeling_tiny.py": b"raise SystemExit",
        "model.safetensors": WEIGHTS,
    }
    hub.models[NAME] = Model(files, {"main": SECOND, "v1": FIRST})
    yield hub
    hub.close()


def files_of(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_is_needed_is_fetched_at_one_commit(hub: Hub) -> None:
    folder = fetch_published(NAME)
    assert files_of(folder) == {"config.json", "vocab.txt", "model.safetensors"}
    assert folder.name == SECOND
    assert load_file(folder / "model.safetensors")["embedding"].shape == (3000, 7)
    card = hub_card(folder)
    assert (card["revision"], card["licence"], card["source"]) == (SECOND, "apache-2.0", f"{hub.url}/{NAME}")
    assert set(card["files"]) == files_of(folder)
    assert origin(folder) == card
    assert fetch_published(NAME, "v1").name == FIRST
    resolved = [path.split("/resolve/")[1].split("/")[0] for _, path, _ in hub.log if "/resolve/" in path]
    assert set(resolved) == {FIRST, SECOND}, "files are asked for by commit, never by branch"


def test_no_telemetry_and_no_secret_to_strangers(hub: Hub) -> None:
    fetch_published(NAME)
    agents = {headers.get("user-agent", headers.get("User-Agent", "")) for _, _, headers in hub.log}
    assert all("torch" not in agent for agent in agents)
    assert hub.asked("telemetry", "HEAD") == hub.asked("telemetry") == 0
    assert constants.HF_HUB_DISABLE_TELEMETRY


def test_a_commit_in_the_cache_needs_no_network(hub: Hub) -> None:
    folder = fetch_published(NAME, SECOND)
    hub.log.clear()
    assert fetch_published(NAME, SECOND) == folder
    assert hub.log == []
    assert fetch_published(NAME) == folder
    assert [path for _, path, _ in hub.log] == [f"/api/models/{NAME}/revision/main"]


def test_resolve_knows_its_three_kinds(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve(NAME).name == SECOND
    assert resolve(tmp_path) == tmp_path
    with pytest.raises(BadInput, match=r"revision='v1' is for models of a hub, named 'org/name'; .* has no revisions"):
        resolve(tmp_path, "v1")
    with pytest.raises(
        BadInput, match=r"'sapiens-vx' is no folder, no packaged model \(sapiens-vh, .*\) and no 'org/name' of a hub"
    ):
        resolve("sapiens-vx")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    with pytest.raises(BadInput, match=r"runs/absent does not exist, though runs does. Give the folder of a model"):
        resolve("runs/absent")
    assert hub.asked("absent") == 0
    with pytest.raises(BadInput, match=r"'human-swissprot' is data, not a model"):
        resolve("human-swissprot")
    (tmp_path / "model.safetensors").write_bytes(WEIGHTS)
    with pytest.raises(BadInput, match=r"is a file. Give the folder it is in"):
        resolve(tmp_path / "model.safetensors")


@pytest.mark.parametrize("name", ["x/..", "a/b--c", "https://x/y", "a/b/c"])
def test_names_that_no_model_has(hub: Hub, name: str) -> None:
    with pytest.raises(BadInput, match=r"is not the name of a hub's model, such as 'facebook/esm2_t6_8M_UR50D'"):
        fetch_published(name)
    assert hub.log == []


@pytest.mark.parametrize(("megabytes", "start"), [(1, None), (25, "bytes=10485760-")])
def test_F16_cut_at_half_is_resumed_or_begun_again(hub: Hub, megabytes: int, start: str | None) -> None:
    content = save({"embedding": torch.zeros(megabytes, 1 << 18)})
    hub.models[NAME].files["model.safetensors"] = content
    hub.faults = {"/cdn/": ["cut"]}
    assert (fetch_published(NAME) / "model.safetensors").read_bytes() == content
    asked = [{name.lower(): value for name, value in headers.items()} for _, path, headers in hub.log if "/cdn/" in path]
    assert [headers.get("range") for headers in asked] == [None, start], "the client hands on 10 MiB at a time"


def test_F19_500_twice_then_200(hub: Hub) -> None:
    hub.faults = {"/revision/": [500, 502], "/cdn/": [503, 500], "/config.json": [500]}
    assert (fetch_published(NAME) / "model.safetensors").read_bytes() == WEIGHTS


def test_F19_always_500(hub: Hub) -> None:
    hub.faults = {"/revision/": [500] * 50}
    with pytest.raises(
        NetworkError, match=r"answered 500 to the request for 'someone/tiny-protein', 4 times. Check the network"
    ) as caught:
        fetch_published(NAME)
    assert caught.value.exit_code == 3
    assert hub.asked("/revision/") == 4
    assert caught.value.__notes__ == [f"The cache has no copy of '{NAME}' at 'main'."]


def test_F18_429_waits_as_told(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(hub_calls.time, "sleep", waited.append)
    hub.faults = {"/revision/": [(429, {"Retry-After": "1.5"}), (429, {}), (429, {"Retry-After": "9999"})]}
    fetch_published(NAME)
    assert waited[0] == 1.5
    assert 0.01 <= waited[1] <= 0.03
    assert 0.02 <= waited[2] <= 0.06


@pytest.mark.parametrize("fault", ["html", "json"])
def test_F20_something_else_with_200(hub: Hub, fault: str) -> None:
    hub.faults = {"/revision/": [fault] * 9}
    with pytest.raises(NetworkError, match=r"returned no valid response \(\w+: .*4 times"):
        fetch_published(NAME)


def test_F17_other_bytes_than_the_index_says(hub: Hub) -> None:
    changed = bytearray(WEIGHTS)
    changed[-1] ^= 1
    model = hub.models[NAME]
    true_blobs = model.blobs()
    model.files["model.safetensors"] = bytes(changed)
    served = model.blobs()["model.safetensors"]["lfs"]["oid"]
    assert served != true_blobs["model.safetensors"]["lfs"]["oid"]
    model.blobs = lambda: true_blobs  # type: ignore[method-assign]
    large = hub.server.RequestHandlerClass.large
    hub.server.RequestHandlerClass.large = lambda self, digest: bytes(changed)  # type: ignore[attr-defined]
    with pytest.raises(
        NetworkError,
        match=r"model.safetensors of 'someone/tiny-protein' differs from the index .* \(SHA-256 or git hash\) after two downloads",
    ):
        fetch_published(NAME)
    hub.server.RequestHandlerClass.large = large  # type: ignore[attr-defined]
    model.files["model.safetensors"] = WEIGHTS
    assert (fetch_published(NAME) / "model.safetensors").read_bytes() == WEIGHTS


def test_remote_code_is_refused_before_the_weights(hub: Hub) -> None:
    config = {"model_type": "tiny", "auto_map": {"AutoModel": "modeling_tiny.Tiny"}}
    hub.models[NAME].files["config.json"] = json.dumps(config).encode()
    with pytest.raises(BadInput, match=r"of 'someone/tiny-protein' has 'auto_map': the model needs Python code") as caught:
        fetch_published(NAME)
    assert "Its weights were not fetched." in caught.value.__notes__
    assert hub.asked("/cdn/") == hub.asked(".py") == hub.asked("model.safetensors") == 0


def test_only_pickles(hub: Hub) -> None:
    del hub.models[NAME].files["model.safetensors"]
    with pytest.raises(
        BadInput, match=r"has pytorch_model.bin but no model.safetensors: a pickle can run any code .* Ask its author"
    ):
        fetch_published(NAME)
    assert hub.asked("/resolve/") == 0
    hub.models[NAME].files = {"README.md": b"x"}
    with pytest.raises(BadInput, match=r"has no model.safetensors: it contains README.md. Give a model with safetensors weights"):
        fetch_published(NAME)


def test_shards_come_together(hub: Hub) -> None:
    files = hub.models[NAME].files
    del files["model.safetensors"]
    files |= {f"model-0000{n}-of-00002.safetensors": save({f"t{n}": torch.ones(n)}) for n in (1, 2)}
    files |= {"model.safetensors.index.json": b"{}", "model.fp16.safetensors": b"another precision"}
    assert files_of(fetch_published(NAME)) == {
        *("config.json", "vocab.txt", "model.safetensors.index.json"),
        *("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"),
    }


def test_what_there_is_not_and_what_one_may_not(hub: Hub) -> None:
    with pytest.raises(
        BadInput, match=r"There is no model 'someone/nothing' on http://127.0.0.1:\d+, or it is private \(answer 404\)"
    ) as caught:
        fetch_published("someone/nothing")
    assert caught.value.exit_code == 2
    assert hub.asked("nothing") == 1, "asked once"
    with pytest.raises(BadInput, match=r"has no revision 'v9' on .* Give a commit, a tag or a branch"):
        fetch_published(NAME, "v9")
    for status, code in ((401, "GatedRepo"), (403, "GatedRepo"), (403, "")):
        hub.models[NAME].error = (status, code)
        with pytest.raises(
            BadInput, match=rf"is gated: .* accepted its terms \(answer {status}\). Accept them at .* set HF_TOKEN"
        ) as caught:
            fetch_published(NAME)
        assert "hf_secret" not in str(caught.value)


def test_hub_down_uses_the_cache_and_says_so(hub: Hub) -> None:
    folder = fetch_published(NAME)
    hub.faults = {"/": [500] * 50}
    with pytest.warns(UserWarning, match=rf"4 times. .* The copy in the cache is used: commit {SECOND}"):
        assert fetch_published(NAME) == folder
    with pytest.raises(NetworkError, match=r"answered 500"):
        fetch_published(NAME, "v1")


def test_nobody_listens(hub: Hub) -> None:
    hub.close()
    with pytest.raises(NetworkError, match=r"returned no valid response \(ConnectError: .*Check the network"):
        fetch_published(NAME)


def test_offline_on_purpose(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fetch_published(NAME)
    hub.log.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert fetch_published(NAME, SECOND) == folder
        assert said == []
        assert fetch_published(NAME) == folder
    assert "HF_HUB_OFFLINE is set" in str(said[0].message)
    assert hub.log == []
    with pytest.raises(NetworkError, match=r"HF_HUB_OFFLINE is set, so 'someone/else' is not requested from "):
        fetch_published("someone/else")
