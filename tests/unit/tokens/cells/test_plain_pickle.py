"""Pickled dictionaries are read without running anything: a payload stays asleep, and what it wanted is named."""

import pickle  # noqa: TID251 (to write the files that the reader must not run)
import struct
from pathlib import Path

import numpy as np
import pytest

from glmkit.errors import BadInput
from glmkit.tokens.cells.plain_pickle import read_plain_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_names_and_numbers_of_every_protocol(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "medians.pkl"
    written = {"<pad>": 0, "ENSG1": 2.5, "large": 10**20, "negative": -7, "ENSG2": np.float64(1 / 3), "ENSG3": np.float32(0.1)}
    written |= {"ENSG4": np.float64(8), "count": np.int64(-3), "byte": np.uint8(200), "swapped": np.array([2.5], ">f8")[0]}
    written |= {f"gene{i}": i + 0.25 for i in range(1500)} | {"symbol": "TP53", "Ünicode": 1}
    path.write_bytes(pickle.dumps(written, protocol))
    found = read_plain_pickle(path)
    assert found == written
    assert {type(value) for value in found.values()} <= {int, float, str}


class Payload:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple:
        return Path.touch, (self.canary,)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_payload_does_not_run(tmp_path: Path, protocol: int) -> None:
    path, canary = tmp_path / "tokens.pkl", tmp_path / "canary"
    content = pickle.dumps({"ENSG1": 1, "ENSG2": Payload(canary)}, protocol)
    path.write_bytes(content)
    with pytest.raises(
        BadInput, match=r"tokens.pkl, byte \d+: the instruction (STACK_)?GLOBAL .* Nothing in this file was executed"
    ):
        read_plain_pickle(path)
    assert not canary.exists()
    pickle.loads(content)  # the canary works
    assert canary.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"cos\nsystem\n(S'true'\ntR.", "byte 0: the instruction GLOBAL os system"),
        (b"(dcbuiltins\neval\n.", "byte 2: the instruction GLOBAL builtins eval"),
        (b"}(cnumpy\ndtype\n(S'O8'\ntR.", "the instruction STRING"),
        (b"}(cnumpy\ndtype\n(X\x02\x00\x00\x00O8I00\nI01\ntR.", "REDUCE of numpy dtype"),
        (b"(inumpy\ndtype\n.", "byte 1: the instruction INST"),
        (b"\x80\x02}U\x01aK\x01s.", "byte 3: the instruction SHORT_BINSTRING"),
        (b"\x80\x02]q\x00.", "byte 2: the instruction EMPTY_LIST"),
        (b"\x80\x02\x82\x01.", "byte 2: the instruction EXT1"),
        (b"\x80\x02X\x01\x00\x00\x00aQ.", "the instruction BINPERSID"),
        (b"\x80\x02cnumpy\ndtype\n)\x81.", "the instruction NEWOBJ"),
        (b"\x80\x02K\x01.", "expected a dictionary of names to numbers, got int"),
        (b"\x80\x02}K\x01K\x02s.", "expected names to numbers, got 1 to 2"),
        (b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.", "expected names to numbers, got 'a' to {"),
        (b"\x80\x02}X\x01\x00\x00\x00aNs.", "got 'a' to None"),
        (b"\x80\x02}X\x01\x00\x00\x00a\x88s.", "got 'a' to True"),
        (b"\x80\x02}X\x01\x00\x00\x00a", "is not a complete pickle"),
        (b"\x80\x02}.}.", "is not a complete pickle .*2 bytes follow its end"),
        (b"\x80\x02}sss.", "is not a complete pickle"),
        (b"\x80\x02}u.", "is not a complete pickle"),
        (b"\x80\x02h\x07.", "is not a complete pickle"),
        (b"\x80\x02R.", "is not a complete pickle .*stack is empty"),
        (b"<html>", "is not a complete pickle"),
        (b"", "is not a complete pickle"),
    ],
)
def test_everything_else_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "file.pkl"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=f"(?s)file.pkl.*{words}"):
        read_plain_pickle(path)


def test_a_number_of_the_wrong_size_or_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.pkl"
    whole = pickle.dumps({"a": np.float64(1.5)}, 3)
    bytes_of = b"C\x08" + struct.pack("<d", 1.5)
    assert bytes_of in whole
    path.write_bytes(whole.replace(bytes_of, b"C\x04" + bytes(4)))
    with pytest.raises(BadInput, match="a number of type float64 has 4 bytes"):
        read_plain_pickle(path)
    path.write_bytes(pickle.dumps({"a": np.zeros(1, [("x", "f8")])[0]}, 4))
    with pytest.raises(BadInput, match=r"REDUCE of numpy dtype|the instruction"):
        read_plain_pickle(path)
    path.write_bytes(pickle.dumps({"a": np.zeros(3)}, 4))
    with pytest.raises(BadInput, match=r"_reconstruct|_frombuffer"):
        read_plain_pickle(path)
    with pytest.raises(BadInput, match=r"missing.pkl cannot be read \(No such file"):
        read_plain_pickle(tmp_path / "missing.pkl")
