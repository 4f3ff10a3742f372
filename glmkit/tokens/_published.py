"""Tokenizers of published models, from the vocabulary file published with their weights.

The order of lines is the order of ids. Lines are therefore never sorted or dropped, and a blank line or a repeated entry is an
error. The tokens that a family adds around a sequence are not in the file but in this table.

======== =============================================== ================ ===========================================
family   models                                          file             around a sequence
======== =============================================== ================ ===========================================
esm      ESM-2, ESM-1b; Nucleotide Transformer           ``vocab.txt``    ``<cls>`` … ``<eos>``; ``<cls>`` … for DNA
bert     AntiBERTy, ProtBert                             ``vocab.txt``    ``[CLS]`` … ``[SEP]``
roberta  Sapiens and other models of fairseq             ``dict.txt``     ``<s>`` … ``</s>``
======== =============================================== ================ ===========================================

Geneformer is a BERT without such a file. Its dictionaries (``token_dictionary*.pkl`` and ``gene_median_dictionary*.pkl``) are
published in another folder. Copy them, or a table of them (``geneformer*.tsv``), to the folder of the weights.
"""

import re
from pathlib import Path
from typing import Literal, get_args

from glmkit.errors import BadInput
from glmkit.tokens.sequences.letters import ESM_SPECIAL, SPECIAL, LetterTokenizer
from glmkit.tokens.sequences.nucleotide import K, NucleotideTokenizer
from glmkit.tokens.tokenizer import Tokenizer

Family = Literal["esm", "bert", "roberta"]
FILES = ("vocab.txt", "dict.txt")
SPECIAL_OF = {
    "esm": ESM_SPECIAL,
    "bert": dict(zip(SPECIAL, ("[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"), strict=True)),
    "roberta": dict(zip(SPECIAL, ("<s>", "<pad>", "</s>", "<unk>", "<mask>"), strict=True)),
}
GENES = r"geneformer.*\.tsv(\.gz)?"
DICTIONARY = "token_dictionary*.pkl"
_MOST_BYTES = 10_000_000


def published(source: str | Path, family: Family) -> Tokenizer:
    """The tokenizer of a published model.

    Parameters
    ----------
    source
        Folder with ``vocab.txt``, ``dict.txt`` or Geneformer's dictionaries, or the path of such a file.
    family
        ``"esm"``, ``"bert"`` or ``"roberta"``. An ESM vocabulary with 6-mers is that of the Nucleotide Transformer.

    Returns
    -------
    Tokenizer
        LetterTokenizer or NucleotideTokenizer with the prefix and suffix of the family; RankTokenizer for Geneformer.

    Raises
    ------
    BadInput
        The file is missing, has a blank line or a repeated entry, or lacks an entry that the family needs; or the family is
        unknown. The message names the file.
    """
    if family not in get_args(Family):
        raise BadInput(f"family: expected one of {', '.join(get_args(Family))}, got {family!r}.")
    if family == "bert" and (genes := _genes(Path(source))) is not None:
        from glmkit.tokens.cells.geneformer import rank_tokenizer_from

        return rank_tokenizer_from(genes)
    path = _find(Path(source))
    entries = _dictionary(path) if path.name.endswith("dict.txt") else _lines(path)
    try:
        if family == "esm" and "A" * K in entries:
            return NucleotideTokenizer(entries)
        return LetterTokenizer(entries, SPECIAL_OF[family])
    except BadInput as error:
        error.add_note(f"file {path}, read as a vocabulary of the family {family!r}")
        raise


def _genes(source: Path) -> Path | None:
    """The input of `rank_tokenizer_from` in a folder: a table, or the folder itself if it has dictionaries; else None."""
    if not source.is_dir():
        return source if re.fullmatch(GENES, source.name) else None
    tables = sorted(path for path in source.iterdir() if re.fullmatch(GENES, path.name))
    if len(tables) > 1:
        raise BadInput(
            f"{source} has {len(tables)} tables of genes: {', '.join(path.name for path in tables)}. Keep that of the model."
        )
    if tables:
        return tables[0]
    return source if any(source.glob(DICTIONARY)) else None


def _find(source: Path) -> Path:
    if source.is_file():
        return source
    if found := [source / name for name in FILES if (source / name).is_file()]:
        return found[0]
    found_text = (
        f"it has {', '.join(sorted(path.name for path in source.iterdir())[:8])}" if source.is_dir() else "it does not exist"
    )
    raise BadInput(
        f"{source}: expected a folder with {' or '.join(FILES)}, or such a file; {found_text}. For Geneformer, copy its "
        "dictionaries to the folder of the weights, or use load(..., tokenizer=rank_tokenizer_from(path))."
    )


def _lines(path: Path) -> list[str]:
    """The entries of a file, one per line."""
    if path.stat().st_size > _MOST_BYTES:
        raise BadInput(f"{path} has {path.stat().st_size:,} bytes, too many for a vocabulary. Expected one entry per line.")
    try:
        entries = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}, byte {error.start}: not UTF-8 text. Expected a vocabulary, one entry per line.") from None
    if "" in entries:
        raise BadInput(
            f"{path}, line {entries.index('') + 1} is blank. Each line is the entry of an id; restore the original file."
        )
    return entries


def _dictionary(path: Path) -> list[str]:
    """The entries of a ``dict.txt`` of fairseq: letter and count per line; special tokens are absent and have fixed ids."""
    entries = []
    for place, line in enumerate(_lines(path), 1):
        words = line.split()
        if len(words) != 2 or not words[1].isdigit():
            raise BadInput(
                f"{path}, line {place}: expected an entry and its count, got {line[:40]!r}. Give a dict.txt of fairseq."
            )
        entries.append(words[0])
    special = SPECIAL_OF["roberta"]
    return [special["bos"], special["pad"], special["eos"], special["unk"], *entries, special["mask"]]
