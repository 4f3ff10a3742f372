"""Tokenizers of models that run through `transformers`, read from a vocabulary of letters or from ``tokenizer.json``.

A model of single residues gets glmkit's own strict `LetterTokenizer`. Other tokenizers (BPE, WordPiece, k-mers) are read from
``tokenizer.json`` by the `tokenizers` library, which applies rules and never runs code from the file. The tokens that the rules add
around a sequence become the prefix and the suffix.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.files import read_json, write_text
from glmkit.tokens import load_tokenizer, published
from glmkit.tokens._published import FILES, SPECIAL_OF
from glmkit.tokens.tokenizer import FORMAT, as_ids, smallest_dtype

NAMES = {  # usual names of the special tokens, tried in order where no file states them
    "bos": ("<cls>", "[CLS]", "<s>", "<|bos|>", "<|endoftext|>"),
    "pad": ("<pad>", "[PAD]", "<|pad|>", "<|endoftext|>"),
    "eos": ("<eos>", "[SEP]", "</s>", "<|eos|>", "<|endoftext|>"),
    "unk": ("<unk>", "[UNK]", "<|endoftext|>"),
    "mask": ("<mask>", "[MASK]"),
}
STATED = {"bos": ("cls_token", "bos_token"), "eos": ("sep_token", "eos_token"), "pad": ("pad_token",), "unk": ("unk_token",)} | {
    "mask": ("mask_token",)
}


class FileTokenizer:
    """Tokenizer defined by a ``tokenizer.json`` of the `tokenizers` library.

    Parameters
    ----------
    text
        Content of the file.
    stated
        Parsed ``tokenizer_config.json``, which may name the special tokens.

    Raises
    ------
    BadInput
        The content is not such a tokenizer, or its ids have gaps.
    """

    kind = "file"
    bases_per_token: float | int | None = None

    def __init__(self, text: str, stated: dict[str, Any]) -> None:
        from tokenizers import Tokenizer as Rules

        try:
            self._rules = Rules.from_str(text)
        except Exception as error:  # the library raises no narrower type
            raise BadInput(f"tokenizer.json is not a tokenizer that the tokenizers library reads ({error}).") from error
        ids = self._rules.get_vocab(with_added_tokens=True)
        if sorted(ids.values()) != list(range(len(ids))):
            raise BadInput(f"tokenizer.json: its {len(ids)} entries do not have the ids 0 to {len(ids) - 1}. Restore the file.")
        self._text = text
        self._rules.no_padding()
        self._rules.no_truncation()
        self.vocabulary = tuple(sorted(ids, key=ids.__getitem__))
        self.hash = hashlib.sha256(text.encode()).hexdigest()
        self.dtype = smallest_dtype(len(ids))
        found = {name: _special(name, ids, stated) for name in NAMES}
        self.bos_id, self.eos_id = (ids[found[name] or self.vocabulary[0]] for name in ("bos", "eos"))
        self.pad_id = ids[found["pad"]] if found["pad"] else self.eos_id
        self.unk_id = ids[found["unk"]] if found["unk"] else self.pad_id
        self.mask_id = ids[found["mask"]] if found["mask"] else self.unk_id
        special = {token.content for token in self._rules.get_added_tokens_decoder().values() if token.special}
        special |= {name for name in found.values() if name}
        self.maskable = np.array([entry not in special for entry in self.vocabulary])
        self.prefix, self.suffix = self._around()

    def _around(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Ids that the rules of the file add before and after a sequence."""
        bare = self._rules.encode("A", add_special_tokens=False).ids
        whole = self._rules.encode("A", add_special_tokens=True).ids
        start = next((at for at in range(len(whole) - len(bare) + 1) if whole[at : at + len(bare)] == bare), 0)
        return tuple(whole[:start]), tuple(whole[start + len(bare) :])

    def encode(self, sequence: str) -> np.ndarray:
        """Ids (length,) of a sequence, without special tokens."""
        return np.array(self._rules.encode(sequence, add_special_tokens=False).ids, self.dtype)

    def decode(self, ids: np.ndarray) -> str:
        """Text of ids (length,), without special tokens."""
        return self._rules.decode(as_ids(ids, len(self.vocabulary)).tolist(), skip_special_tokens=True)

    def save(self, folder: str | Path) -> Path:
        """Write the unchanged ``tokenizer.json`` into `folder` and return its path."""
        write_text(Path(folder) / "tokenizer.json", self._text)
        return Path(folder) / "tokenizer.json"


def tokenizer_of(folder: str | Path) -> Any:
    """Read the tokenizer of a published folder.

    Parameters
    ----------
    folder
        Folder with ``tokenizer.json``, ``vocab.txt`` or ``dict.txt``.

    Returns
    -------
    Tokenizer
        A tokenizer of glmkit if the vocabulary consists of letters or 6-mers, else a `FileTokenizer`.

    Raises
    ------
    BadInput
        No such file exists, or none can be read.
    """
    folder = Path(folder)
    rules = folder / "tokenizer.json"
    ours = rules.is_file() and read_json(rules).get("format") == FORMAT
    if ours:
        return load_tokenizer(folder)
    named = [folder / name for name in FILES if (folder / name).is_file()]
    if named:
        text = named[0].read_text(encoding="utf-8", errors="replace").split()
        family: Any = next((name for name, special in SPECIAL_OF.items() if special["bos"] in text), "roberta")
        try:
            return published(named[0], family)
        except BadInput:
            if not rules.is_file():
                raise
    if not rules.is_file():
        raise BadInput(
            f"{folder} has neither tokenizer.json nor {' nor '.join(FILES)}: the meaning of its ids is unknown. Give tokenizer=."
        )
    stated = folder / "tokenizer_config.json"
    return FileTokenizer(rules.read_text(encoding="utf-8"), read_json(stated) if stated.is_file() else {})


def _special(name: str, ids: dict[str, int], stated: dict[str, Any]) -> str | None:
    """Entry of a special token: the one named in ``tokenizer_config.json``, else a usual name in the vocabulary, else None."""
    for key in STATED[name]:
        value = stated.get(key)
        value = value.get("content") if isinstance(value, dict) else value
        if value in ids:
            return str(value)
    return next((usual for usual in NAMES[name] if usual in ids), None)
