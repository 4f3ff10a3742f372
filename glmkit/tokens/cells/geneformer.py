"""Rank tokenizers from the published vocabularies of Geneformer.

A vocabulary has a token and a non-zero median of each gene. It is read from a text table, or from the pickled dictionaries
published with the weights (by :func:`glmkit.tokens.cells.plain_pickle.read_plain_pickle`, which executes nothing). V1 (30
million cells, 2,048 genes, two special tokens) and V2 (95 million cells or more, 4,096 genes, four special tokens) differ in
tokens and medians. Tokens of one with medians of the other would give wrong ranks without an error. The layout is therefore
inferred from the tokens, and files that do not match are rejected.
"""

import gzip
import math
import re
from collections.abc import Mapping
from pathlib import Path

from glmkit.errors import BadInput
from glmkit.tokens.cells.plain_pickle import read_plain_pickle
from glmkit.tokens.cells.rank import SPECIAL, RankTokenizer

COLUMNS = ("ensembl_id", "symbol", "token", "nonzero_median")
_PARTS = {"token": r"token_dictionary.*\.pkl", "median": r"(gene_)?median_dictionary.*\.pkl", "name": r"gene_name_id_dict.*\.pkl"}


def rank_tokenizer_from(path: str | Path) -> RankTokenizer:
    """A rank tokenizer from published files.

    Parameters
    ----------
    path
        Path of a table with the tab-separated columns ``ensembl_id  symbol  token  nonzero_median``, plain or gzip; or of a
        folder with ``token_dictionary*.pkl``, ``gene_median_dictionary*.pkl`` and, for symbols, ``gene_name_id_dict*.pkl``.

    Returns
    -------
    RankTokenizer
        Tokenizer whose layout is inferred from the special tokens.

    Raises
    ------
    BadInput
        A file is missing or ambiguous, a line is malformed, the special tokens match no layout, ids have gaps, or tokens and
        medians are not of the same genes.

    Examples
    --------
    >>> import tempfile
    >>> rows = ["ensembl_id symbol token nonzero_median", "<pad>  0 ", "<mask>  1 ", "ENSG00000141510 TP53 2 1.5"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "geneformer.tsv")
    ...     _ = path.write_text("\\n".join(rows).replace(" ", "\\t") + "\\n")
    ...     tokenizer = rank_tokenizer_from(path)
    >>> tokenizer.layout, tokenizer.vocabulary, tokenizer.medians.tolist()
    ('v1', ('<pad>', '<mask>', 'ENSG00000141510'), [1.5])
    """
    path = Path(path)
    if path.is_dir():
        return _from_folder(path)
    tokens: dict[str, int] = {}
    medians: dict[str, float] = {}
    symbols: dict[str, str] = {}
    for line, fields in enumerate(_lines(path), 1):
        if line == 1:
            if tuple(fields) != COLUMNS:
                raise BadInput(f"{path}, line 1: expected the columns {' '.join(COLUMNS)}, separated by tabs, got {fields[:6]}.")
            continue
        try:
            gene, symbol, token, median = fields
            if gene in tokens:
                raise BadInput(f"{path}, line {line}: {gene!r} is repeated. Restore the original file.")
            tokens[gene] = int(token)
            if median:
                medians[gene] = float(median)
        except ValueError as error:
            if isinstance(error, BadInput):
                raise
            raise BadInput(
                f"{path}, line {line}: expected a gene, a symbol, an integer token and a median, got {fields[:6]}."
            ) from error
        if symbol:
            symbols[gene] = symbol
    return assemble(tokens, medians, symbols, path)


def assemble(tokens: Mapping[str, int], medians: Mapping[str, float], symbols: Mapping[str, str], path: Path) -> RankTokenizer:
    """The tokenizer of the given tokens and medians.

    Parameters
    ----------
    tokens
        Id of each special token and gene, by name.
    medians
        Non-zero median of each gene, by name.
    symbols
        Known symbols of genes, by name.
    path
        Path of the source, for messages.

    Raises
    ------
    BadInput
        The special tokens match no layout, ids have gaps, or a gene has no median.
    """
    entries = sorted(tokens, key=lambda entry: tokens[entry])
    special = tuple(entry for entry in entries if re.fullmatch(r"<.*>", entry))
    layout = next((name for name, expected in SPECIAL.items() if expected == special), None)
    if layout is None:
        known = "; ".join(f"{name}: {' '.join(expected)}" for name, expected in SPECIAL.items())
        raise BadInput(
            f"{path}: the special tokens {' '.join(special) or '(none)'} match no layout ({known}). Restore the original file."
        )
    wrong = next((i for i, entry in enumerate(entries) if tokens[entry] != i), None)
    if wrong is not None or tuple(entries[: len(special)]) != special:
        place = wrong or 0
        raise BadInput(
            f"{path}: expected ids from 0 without a gap, special tokens first; {entries[place]!r} has "
            f"{tokens[entries[place]]}, not {place}."
        )
    genes = entries[len(special) :]
    absent = [gene for gene in genes if not math.isfinite(medians.get(gene, math.nan))]
    if absent:
        raise BadInput(
            f"{path}: {len(absent)} of {len(genes)} genes with a token have no median ({', '.join(absent[:3])}, …). "
            "Use the tokens and medians of the same version of Geneformer."
        )
    return RankTokenizer(genes, [medians[gene] for gene in genes], layout=layout, symbols=symbols)


def _from_folder(folder: Path) -> RankTokenizer:
    found: dict[str, Path] = {}
    for part, pattern in _PARTS.items():
        paths = sorted(path for path in folder.iterdir() if re.fullmatch(pattern, path.name))
        if len(paths) > 1:
            raise BadInput(
                f"{folder} has {len(paths)} files of one kind: {', '.join(p.name for p in paths)}. Keep those of one version."
            )
        if paths:
            found[part] = paths[0]
    for part in ("token", "median"):
        if part not in found:
            raise BadInput(
                f"{folder} has no file like {_PARTS[part].replace('.*', '*').replace(chr(92), '')}. Copy it from Geneformer's "
                "publisher."
            )
    tokens = {gene: _whole(found["token"], gene, value) for gene, value in read_plain_pickle(found["token"]).items()}
    medians = {gene: _number(found["median"], gene, value) for gene, value in read_plain_pickle(found["median"]).items()}
    names = read_plain_pickle(found["name"]) if "name" in found else {}
    symbols: dict[str, str] = {}
    for symbol, gene in names.items():
        symbols.setdefault(str(gene), symbol)
    return assemble(tokens, medians, symbols, folder)


def _whole(path: Path, gene: str, value: object) -> int:
    if not isinstance(value, int):
        raise BadInput(
            f"{path}: expected an integer token of {gene!r}, got {value!r}. Check that this is not the file of the medians."
        )
    return value


def _number(path: Path, gene: str, value: object) -> float:
    if not isinstance(value, int | float):
        raise BadInput(f"{path}: expected a number as the median of {gene!r}, got {value!r}.")
    return float(value)


def _lines(path: Path) -> list[list[str]]:
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        return [line.split("\t") for line in content.decode("utf-8").splitlines()]
    except (OSError, EOFError) as error:
        raise BadInput(f"{path} cannot be read ({error}). Expected a table of genes with tokens and medians.") from error
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path}: not UTF-8 text at byte {error.start}. Expected a table of genes with tokens and medians."
        ) from error
