"""Safe reading of pickled dictionaries, without executing the pickle.

A pickle is a program, and loading it executes arbitrary code of its author or of anyone who modified the file. Geneformer
publishes its vocabulary and medians as pickled dictionaries of names to numbers. Such a file needs few instructions: push a
string or a number on the stack, make a dictionary, store an item, stop. This reader decodes the instructions with
`pickletools.genops`, which does not execute them, and interprets only these on a stack of its own. NumPy scalars of float and
integer types are decoded from their bytes. All other instructions, in particular imports and calls, are rejected with their
offset in the file.
"""

import pickletools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from glmkit.errors import BadInput


class _Name(NamedTuple):
    """A name that the pickle would import; it is never imported."""

    name: str


class _NumberType(NamedTuple):
    """A NumPy number type, such as ``f8``, with its byte order; little-endian by default."""

    code: str
    order: str = "<"


_MARK = object()
_VALUES = {
    "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "INT", "LONG", "BINFLOAT", "FLOAT", "NONE", "NEWTRUE", "NEWFALSE",
    "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE", "SHORT_BINBYTES", "BINBYTES",
}  # fmt: skip
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_NUMPY_SCALAR = {"numpy.core.multiarray scalar", "numpy._core.multiarray scalar"}
_NUMPY_DTYPE = {"numpy dtype"}
_CODECS = {"_codecs encode"}
_NUMBERS = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"}


def read_plain_pickle(path: str | Path) -> dict[str, float | int | str]:
    """Read a pickled dictionary of names to numbers; nothing in the file is executed.

    Parameters
    ----------
    path
        Path of a pickle of any protocol with one dict of str to int, float, str or NumPy number scalar, such as Geneformer's
        ``token_dictionary.pkl``.

    Returns
    -------
    dict
        The dictionary, with NumPy scalars converted to Python numbers.

    Raises
    ------
    BadInput
        The file is missing, not a complete pickle, or has other content; the message gives the instruction and its offset.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}). Expected a pickled dictionary of names to numbers.") from error
    machine = _Machine(path)
    end = 0
    try:
        for opcode, argument, position in pickletools.genops(content):
            machine.step(opcode.name, argument, int(position or 0))
            end = int(position or 0) + 1
        if end != len(content):
            raise ValueError(f"{len(content) - end:,} bytes follow its end")
    except BadInput:
        raise
    except (ValueError, IndexError, KeyError, TypeError, LookupError) as error:
        raise BadInput(f"{path} is not a complete pickle of a dictionary ({error}). Fetch the file again.") from error
    return _plain(machine.result, path)


class _Machine:
    """Interpreter of the permitted instructions, with its stack and memo."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.result: Any = None

    def step(self, name: str, argument: Any, position: int) -> None:
        """Interpret one instruction, or reject it."""
        if name in {"PROTO", "FRAME"}:
            return
        if name in _VALUES:
            self.stack.append(argument if name not in {"NEWTRUE", "NEWFALSE"} else name == "NEWTRUE")
        elif name == "EMPTY_DICT":
            self.stack.append({})
        elif name == "MARK":
            self.stack.append(_MARK)
        elif name in _TUPLES:
            self.stack.append(tuple(self._pop(_TUPLES[name])))
        elif name == "TUPLE":
            self.stack.append(tuple(self._to_mark()))
        elif name in {"DICT", "SETITEM", "SETITEMS"}:
            self._store(name)
        elif name in {"MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"}:
            self.memo[len(self.memo) if name == "MEMOIZE" else argument] = self.stack[-1]
        elif name in {"GET", "BINGET", "LONG_BINGET"}:
            self.stack.append(self.memo[argument])
        elif name in {"GLOBAL", "STACK_GLOBAL"}:
            self._name(argument if name == "GLOBAL" else " ".join(map(str, self._pop(2))), name, position)
        elif name == "REDUCE":
            self._number(position)
        elif name == "BUILD":
            self._byte_order(position)
        elif name == "STOP":
            (self.result,) = self.stack
        else:
            raise self._refuse(name, position)

    def _pop(self, n: int) -> list[Any]:
        if len(self.stack) < n:
            raise ValueError("its stack is empty")
        found = self.stack[len(self.stack) - n :]
        del self.stack[len(self.stack) - n :]
        return found

    def _to_mark(self) -> list[Any]:
        place = len(self.stack) - 1
        while self.stack[place] is not _MARK:
            place -= 1
            if place < 0:
                raise ValueError("a mark is missing")
        found = self._pop(len(self.stack) - place)
        return found[1:]

    def _store(self, name: str) -> None:
        items = self._pop(2) if name == "SETITEM" else self._to_mark()
        if name == "DICT":
            self.stack.append({})
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise ValueError("an entry is stored into an object that is not a dictionary")
        target.update(zip(items[::2], items[1::2], strict=True))

    def _name(self, name: str, opcode: str, position: int) -> None:
        if name not in _NUMPY_SCALAR | _NUMPY_DTYPE | _CODECS:
            raise self._refuse(f"{opcode} {name}", position)
        self.stack.append(_Name(name))

    def _number(self, position: int) -> None:
        """Interpret the calls by which NumPy pickles a scalar: its type, and its bytes (as Latin-1 text in protocol 2)."""
        called, given = self._pop(2)
        name = called.name if isinstance(called, _Name) else ""
        if name in _NUMPY_DTYPE and len(given) == 3 and given[0] in _NUMBERS:
            self.stack.append(_NumberType(given[0]))
        elif name in _CODECS and len(given) == 2 and given[1] in {"latin1", "latin-1"} and isinstance(given[0], str):
            self.stack.append(given[0].encode("latin-1"))
        elif name in _NUMPY_SCALAR and len(given) == 2 and isinstance(given[0], _NumberType) and isinstance(given[1], bytes):
            kind = np.dtype(given[0].order + given[0].code)
            if len(given[1]) != kind.itemsize:
                raise ValueError(f"a number of type {kind} has {len(given[1])} bytes")
            self.stack.append(np.frombuffer(given[1], kind)[0].item())
        else:
            raise self._refuse(f"REDUCE of {name or type(called).__name__}", position)

    def _byte_order(self, position: int) -> None:
        """Interpret the state of a number type (version, byte order); types with fields or a shape are rejected."""
        target, state = self._pop(2)
        if not isinstance(target, _NumberType) or not isinstance(state, tuple) or state[1:2] not in {("<",), (">",), ("|",)}:
            raise self._refuse(f"BUILD of {type(target).__name__.strip('_')}", position)
        if any(part is not None for part in state[2:5]):
            raise self._refuse("BUILD of a compound number type", position)
        whole = target._replace(order=state[1])
        self.stack.append(whole)
        self.memo = {key: whole if value is target else value for key, value in self.memo.items()}

    def _refuse(self, what: str, position: int) -> BadInput:
        return BadInput(
            f"{self.path}, byte {position}: the instruction {what} does not belong to a dictionary of names to numbers. Nothing "
            "in this file was executed. It may contain code, or is another kind of file; get the dictionary from its publisher "
            "again, or as a text table."
        )


def _plain(result: Any, path: Path) -> dict[str, float | int | str]:
    if not isinstance(result, dict):
        raise BadInput(f"{path}: expected a dictionary of names to numbers, got {type(result).__name__.strip('_')}.")
    for key, value in result.items():
        if not isinstance(key, str) or not isinstance(value, int | float | str) or isinstance(value, bool):
            raise BadInput(f"{path}: expected names to numbers, got {key!r} to {value!r}. Check that this is the right file.")
    return result
