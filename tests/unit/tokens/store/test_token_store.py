"""The token store: what goes in comes out, whole or not at all, in flat memory.

Covers ``glmkit.tokens.store.mapped_arrays``.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glmkit.errors import BadInput
from glmkit.tokens import BaseTokenizer, TokenStore, load_tokenizer

SEQUENCES = {"one": "ACGTNACG", "two": "TTT", "../../x": "G"}
RUNS = {"one": np.array([[1, 3], [5, 8]]), "two": None, "../../x": np.array([[0, 1]])}


def write(folder: Path) -> TokenStore:
    tokenizer = BaseTokenizer()
    return TokenStore.write(folder, ((name, tokenizer.encode(s), RUNS[name]) for name, s in SEQUENCES.items()), tokenizer)


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    store = write(tmp_path / "store")
    assert len(store) == 3
    assert store.names == ["one", "two", "../../x"]
    assert store.lengths.tolist() == [8, 3, 1]
    assert store.lengths.dtype == np.int64
    assert [BaseTokenizer().decode(store[i]) for i in (0, 1, 2, -1)] == ["ACGTNACG", "TTT", "G", "G"]
    assert store.tokenizer_hash == BaseTokenizer().hash == load_tokenizer(store.folder).hash == store.tokenizer().hash
    assert repr(store).endswith("3 sequences, 12 tokens)")
    with pytest.raises(IndexError, match="Item 3 of a store of 3"):
        store[3]
    with pytest.raises(ValueError, match="read-only"):
        store[0][0] = 1


def test_soft_masked_tokens(tmp_path: Path) -> None:
    store = write(tmp_path / "store")
    assert store.soft_masked(0).astype(int).tolist() == [0, 1, 1, 0, 0, 1, 1, 1]
    assert store.soft_masked(0, 2, 6).astype(int).tolist() == [1, 0, 0, 1]
    assert store.soft_masked(0, 3, 5).astype(int).tolist() == [0, 0]
    assert store.soft_masked(1).tolist() == [False] * 3
    assert store.soft_masked(2).tolist() == [True]
    assert store.weights(0).tolist() == np.array([1, 0.1, 0.1, 1, 1, 0.1, 0.1, 0.1], np.float32).tolist()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.tuples(st.text("ACGTN", min_size=1, max_size=40), st.integers(0, 39), st.integers(1, 9)), min_size=1, max_size=7)
)
def test_round_trip(tmp_path: Path, items: list[tuple[str, int, int]]) -> None:
    tokenizer = BaseTokenizer()
    expected = []
    for sequence, start, size in items:
        mask = np.zeros(len(sequence), bool)
        mask[start : start + size] = True
        expected.append((sequence, mask))
    runs = [np.array([[s, min(s + n, len(q))]]) if s < len(q) else None for q, s, n in items]
    store = TokenStore.write(
        tmp_path / "s", ((str(i), tokenizer.encode(q), runs[i]) for i, (q, _) in enumerate(expected)), tokenizer
    )
    assert [tokenizer.decode(store[i]) for i in range(len(store))] == [q for q, _ in expected]
    assert all((store.soft_masked(i) == mask).all() for i, (_, mask) in enumerate(expected))


def test_the_hash_is_of_the_content_only(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a"), write(tmp_path / "b")
    other = TokenStore.write(tmp_path / "c", [("one", BaseTokenizer().encode("ACGTNACC"), None)], BaseTokenizer())
    assert first.hash == second.hash != other.hash


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([], "No sequences to store"),
        ([("a", np.array([4]), None), ("a", np.array([5]), None)], "The name 'a' is used for two sequences"),
        ([("a", np.array([], np.uint8), None)], "The sequence 'a' has no tokens"),
        ([("a", np.array([4, 77]), None)], "Id 77 at position 1 is outside the vocabulary of 10 entries"),
        ([("a", np.array([[4]]), None)], "Expected a one-dimensional array of integer ids"),
        ([("a", np.array([4, 4]), np.array([[1, 3]]))], "Soft-masked runs must be sorted, disjoint, non-empty and inside 0..2"),
    ],
)
def test_bad_items_leave_nothing_behind_and_an_older_store_as_it_was(tmp_path: Path, items: list, words: str) -> None:
    folder = tmp_path / "store"
    with pytest.raises(BadInput) as caught:
        TokenStore.write(folder, items, BaseTokenizer())
    assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    old = write(folder).hash
    with pytest.raises(BadInput):
        TokenStore.write(folder, items, BaseTokenizer())
    assert TokenStore.open(folder, verify=True).hash == old
    assert list(tmp_path.iterdir()) == [folder]


def test_a_store_is_replaced_whole(tmp_path: Path) -> None:
    write(tmp_path / "store")
    TokenStore.write(tmp_path / "store", [("new", np.array([4, 5]), None)], BaseTokenizer())
    assert TokenStore.open(tmp_path / "store", verify=True).names == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_store_moved_aside_by_a_killed_process_comes_back(tmp_path: Path) -> None:
    old = write(tmp_path / "store").hash
    (tmp_path / "store").rename(tmp_path / ".store.previous")
    assert TokenStore.open(tmp_path / "store").hash == old


FILES = ["tokens.bin", "soft_mask.bin", "names.json", "offsets.npy", "soft_mask_offsets.npy", "tokenizer.json"]


@pytest.mark.parametrize("name", FILES)
def test_a_missing_cut_or_changed_file_is_named(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "store").folder / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(BadInput) as caught:
        TokenStore.open(tmp_path / "store", verify=True)
    assert f"{name} was changed after it was written" in str(caught.value)
    path.write_bytes(whole[:-1])
    with pytest.raises(BadInput) as caught:
        TokenStore.open(tmp_path / "store")
    assert f"{name} has {len(whole) - 1} bytes, the manifest states {len(whole)}" in str(caught.value)
    path.unlink()
    with pytest.raises(BadInput) as caught:
        TokenStore.open(tmp_path / "store")
    assert f"{name} is missing" in str(caught.value)


def test_a_future_version_an_edited_manifest_and_no_store_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"is not a token store: it has no manifest.json"):
        TokenStore.open(tmp_path)
    path = write(tmp_path / "store").folder / "manifest.json"
    manifest = json.loads(path.read_text())
    for change, words in [
        ({"version": 2}, "has format version 2; this glmkit reads 1"),
        ({"format": "zarr"}, "is not a token store's"),
        ({"tokens": 13}, "was changed after it was written: its hash does not match"),
    ]:
        path.write_text(json.dumps(manifest | change))
        with pytest.raises(BadInput) as caught:
            TokenStore.open(tmp_path / "store")
        assert words in str(caught.value)


FAULT = """
import os, resource, signal, sys
from glmkit.errors import ResourceError
from glmkit.tokens import BaseTokenizer, TokenStore

tokenizer = BaseTokenizer()

def items():
    for i in range(9):
        yield str(i), tokenizer.encode("ACGT" * 25_000), None
        if i == 4 and sys.argv[2] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[2] == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    TokenStore.write(sys.argv[1], items(), tokenizer)
except ResourceError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def fault(folder: Path, kind: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", FAULT, str(folder), kind], capture_output=True, text=True, timeout=60)


def test_F1_killed_while_writing_leaves_the_older_store(tmp_path: Path) -> None:
    old = write(tmp_path / "store").hash
    assert fault(tmp_path / "store", "kill").returncode == -9
    assert TokenStore.open(tmp_path / "store", verify=True).hash == old
    assert fault(tmp_path / "store", "none").returncode == 0
    assert len(TokenStore.open(tmp_path / "store", verify=True)) == 9


def test_F9_a_full_disk_is_exit_5_and_leaves_the_older_store(tmp_path: Path) -> None:
    old = write(tmp_path / "store").hash
    result = fault(tmp_path / "store", "full")
    assert result.returncode == 5
    assert f"No space left to write {tmp_path / 'store'}" in result.stdout
    assert TokenStore.open(tmp_path / "store", verify=True).hash == old
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


STREAM = """
import resource, sys
import numpy as np
from glmkit.tokens import BaseTokenizer, TokenStore

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

def items(n, size):
    for i in range(n):
        yield f"chromosome{i}", tokenizer.encode("ACGTTGCA" * (size // 8)), np.arange(0, size, 1000).reshape(-1, 2)

tokenizer = BaseTokenizer()
folder, n, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
next(items(1, size))
before = peak()
store = TokenStore.write(folder, items(n, size), tokenizer)
print(peak() - before, len(store.tokens), len(store))
"""


def test_memory_stays_flat_while_200_megabases_stream_through(tmp_path: Path) -> None:
    """Peak memory grows by less than three of the 25 sequences, an eighth of the whole."""
    command = [sys.executable, "-c", STREAM, str(tmp_path / "store"), "25", "8000000"]
    out = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    growth, tokens, sequences = map(float, out.split())
    assert (tokens, sequences) == (200e6, 25)
    assert growth < 24
