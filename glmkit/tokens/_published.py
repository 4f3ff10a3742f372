"""Tokenizers of published models, from the vocabulary file that lies beside their weights.

The order of lines is the order of ids, so nothing is sorted, dropped or guessed: a blank line or an entry that stands twice is
refused. What a family puts around a sequence is not in the file; it is in the table here.

======== =============================================== ================ ===========================================
family   models                                          file             around a sequence
======== =============================================== ================ ===========================================
esm      ESM-2, ESM-1b; Nucleotide Transformer           ``vocab.txt``    ``<cls>`` … ``<eos>``; ``<cls>`` … for DNA
bert     AntiBERTy, ProtBert                             ``vocab.txt``    ``[CLS]`` … ``[SEP]``
roberta  Sapiens and others that fairseq trained         ``dict.txt``     ``<s>`` … ``</s>``
======== =============================================== ================ ===========================================

Geneformer is a BERT without such a file. If the dictionaries that it publishes in another folder (``token_dictionary*.pkl`` and
``gene_median_dictionary*.pkl``), or a table of them (``geneformer*.tsv``), are put beside the weights, they are its tokenizer.
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
        A folder with ``vocab.txt``, ``dict.txt`` or Geneformer's dictionaries, or such a file.
    family
        ``"esm"``, ``"bert"`` or ``"roberta"``. An ESM vocabulary that holds 6-mers is the Nucleotide Transformer's.

    Returns
    -------
    Tokenizer
        A LetterTokenizer or a NucleotideTokenizer, its prefix and suffix those of the family; a RankTokenizer for Geneformer.

    Raises
    ------
    BadInput
        No such file, an unknown family, a blank line, an entry twice, or an entry that the family needs and the file lacks; the
        file is named.
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
    """What lies in a folder that `rank_tokenizer_from` reads: a table, or the folder itself for the dictionaries in it."""
    if not source.is_dir():
        return source if re.fullmatch(GENES, source.name) else None
    tables = sorted(path for path in source.iterdir() if re.fullmatch(GENES, path.name))
    if len(tables) > 1:
        raise BadInput(
            f"{source} has {len(tables)} tables of genes: {', '.join(path.name for path in tables)}. Keep the model's own."
        )
    if tables:
        return tables[0]
    return source if any(source.glob(DICTIONARY)) else None


def _find(source: Path) -> Path:
    if source.is_file():
        return source
    if found := [source / name for name in FILES if (source / name).is_file()]:
        return found[0]
    there = (
        f"it holds {', '.join(sorted(path.name for path in source.iterdir())[:8])}" if source.is_dir() else "it does not exist"
    )
    raise BadInput(
        f"{source}: expected a folder with {' or '.join(FILES)}, or such a file; {there}. A Geneformer's dictionaries go beside its "
        "weights, or as load(..., tokenizer=rank_tokenizer_from(path))."
    )


def _lines(path: Path) -> list[str]:
    """The entries of a file, one a line."""
    if path.stat().st_size > _MOST_BYTES:
        raise BadInput(f"{path} has {path.stat().st_size:,} bytes, which is no vocabulary. Expected one entry a line.")
    try:
        entries = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}, byte {error.start}: not UTF-8 text. Expected a vocabulary, one entry a line.") from None
    if "" in entries:
        raise BadInput(
            f"{path}, line {entries.index('') + 1} is blank. Each line is the entry of an id; restore the original file."
        )
    return entries


def _dictionary(path: Path) -> list[str]:
    """The entries of fairseq's ``dict.txt``: letter and count a line; the special tokens are not in it but have fixed ids."""
    entries = []
    for place, line in enumerate(_lines(path), 1):
        words = line.split()
        if len(words) != 2 or not words[1].isdigit():
            raise BadInput(
                f"{path}, line {place}: expected an entry and its count, got {line[:40]!r}. Is this a fairseq dict.txt?"
            )
        entries.append(words[0])
    special = SPECIAL_OF["roberta"]
    return [special["bos"], special["pad"], special["eos"], special["unk"], *entries, special["mask"]]
