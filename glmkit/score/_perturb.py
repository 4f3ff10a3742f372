"""In-silico perturbation: what a gene's absence, or its presence above all others, does to what a model makes of a cell.

Geneformer (Theodoris et al. 2023, doi:10.1038/s41586-023-06139-9) takes a gene's token out of a cell, or moves it to the first
rank, and asks how far the cell's embedding turns: the shift is one minus the cosine between the two. It ranks genes by how much
the model leans on them; it is no measured effect, and the size of a shift means something only beside other genes' shifts in
the same cells. With a classifier the change of a class's probability says more.

The shift is that of the whole embedding, to which the perturbed token itself belongs: in a short cell every token weighs more.
The interval is over cells, or over whole groups of them (donors).
"""

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np

from glmkit.errors import BadInput
from glmkit.score._embed import embed
from glmkit.score.classify import class_probabilities
from glmkit.score.windows.batches import BATCH_TOKENS, encode, special_tokens
from glmkit.statistics import ratio
from glmkit.tokens.cells import cell_names

if TYPE_CHECKING:
    import pandas as pd

    from glmkit.models.networks import Pool

Kind = Literal["delete", "overexpress"]


class _Reading(NamedTuple):  # numpydoc ignore=PR02
    """How cells become numbers: the same before and after."""

    model: Any
    pool: "Pool"
    layer: int
    towards: int | None
    batch_tokens: int

    def vectors(self, ids: list[np.ndarray]) -> np.ndarray:
        """Embeddings (n, width), every cell whole."""
        context = max(map(len, ids)) + special_tokens(self.model)
        context = max(context, 2 + special_tokens(self.model))
        return embed(self.model, ids, self.layer, self.pool, context=context, batch_tokens=self.batch_tokens).astype(np.float64)

    def chances(self, ids: list[np.ndarray]) -> np.ndarray:
        """Probability of the class that is asked for, (n,); zeros if none is."""
        if self.towards is None:
            return np.zeros(len(ids))
        return class_probabilities(self.model, ids, batch_tokens=self.batch_tokens)[:, self.towards]


def perturb(
    model: Any,
    cells: Any,
    genes: Sequence[str],
    kind: Kind = "delete",
    combine: bool = False,
    *,
    towards: str | int | None = None,
    pool: "Pool" = "mean",
    layer: int = -1,
    groups: Sequence[object] | None = None,
    per_cell: bool = False,
    draws: int = 1000,
    seed: int = 0,
    batch_tokens: int = BATCH_TOKENS,
) -> "pd.DataFrame":
    """Perturb genes in cells and measure how far the cells move.

    Parameters
    ----------
    model
        A LanguageModel or Classifier of cells; it is left in the mode it was in.
    cells
        An AnnData of raw counts, or a dictionary of the modalities of the same cells.
    genes
        Ids of genes as the tokenizer has them, or symbols where it knows them.
    kind
        ``delete`` takes the gene's token out of the cells that express it; ``overexpress`` puts it at the first rank of every
        cell.
    combine
        Perturb all genes at once, and not one after another. Cells that express one of them or more are counted in a deletion.
    towards
        Name or number of a class of a Classifier: report the change of its probability too.
    pool, layer
        What the embedding of a cell is, as for :func:`glmkit.score.embed`. Geneformer takes the layer before the last, -2.
    groups
        One name a cell (its donor): whole groups are resampled. None: every cell stands for itself.
    per_cell
        Return one row for each gene and cell.
    draws, seed
        Of the bootstrap.
    batch_tokens
        Tokens of a batch: memory against speed, never the result.

    Returns
    -------
    pandas.DataFrame
        One row a gene, indexed by the names that were given (joined by ``+`` if combined): ``cells`` that were perturbed, mean
        ``shift`` in [0, 2] with ``low`` and ``high``, its 95% interval (NaN with fewer than two cells or groups); with
        `towards` also ``change`` of the probability, ``change_low`` and ``change_high``. With `per_cell` columns ``gene``,
        ``cell``, ``shift`` and, with `towards`, ``change``.

    Raises
    ------
    BadInput
        The model reads no ranked genes, a gene is unknown, no genes, an unknown kind or class, or groups of another number.
    """
    import pandas as pd

    if kind not in get_args(Kind):
        raise BadInput(f"kind: expected one of {', '.join(get_args(Kind))}, got {kind!r}.")
    reading = _Reading(model, pool, layer, _class(model, towards), batch_tokens)
    tokens = gene_tokens(model.tokenizer, genes)
    sets = [("+".join(genes), tokens)] if combine else [(gene, [token]) for gene, token in zip(genes, tokens, strict=True)]
    names, ids = np.array(cell_names(cells), object), encode(model, cells)
    if groups is not None and len(groups) != len(ids):
        raise BadInput(f"groups: expected one name for each of {len(ids)} cells, got {len(groups)}.")
    before: dict[int, tuple[np.ndarray, float]] = {}
    rows, every = {}, []
    for name, wanted in sets:
        touched, after = _perturbed(ids, wanted, kind, model.tokenizer)
        shift, change = _moved(reading, ids, touched, after, before)
        every.append(pd.DataFrame({"gene": name, "cell": names[touched], "shift": shift, "change": change}))
        chosen = None if groups is None else [groups[i] for i in touched]
        numbers = [*_mean(shift, chosen, draws, seed), *(() if towards is None else _mean(change, chosen, draws, seed))]
        rows[name] = [len(touched), *numbers]
    if per_cell:
        return pd.concat(every, ignore_index=True).drop(columns=["change"] if towards is None else [])
    columns = ["cells", "shift", "low", "high", *(() if towards is None else ("change", "change_low", "change_high"))]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("gene")


def gene_tokens(tokenizer: Any, genes: Sequence[str]) -> list[int]:
    """The ids of genes.

    Parameters
    ----------
    tokenizer
        A RankTokenizer, or a CellTokenizer with RNA.
    genes
        Names as in ``tokenizer.token_of``, or symbols as in ``tokenizer.symbols``.

    Returns
    -------
    list of int
        One a gene.

    Raises
    ------
    BadInput
        The tokenizer has no genes, none or one name instead of a list was given, a gene stands twice, or is unknown, or a
        symbol is that of several.
    """
    known = getattr(tokenizer, "token_of", None)
    if not known:
        raise BadInput(f"Perturbing needs a model of ranked genes; the tokenizer is a {type(tokenizer).__name__}.")
    if isinstance(genes, str) or not len(genes) or len(set(genes)) < len(genes):
        raise BadInput(f"genes: expected a list of genes, each once, got {genes!r}.")
    by_symbol: dict[str, list[str]] = {}
    for gene, symbol in tokenizer.symbols.items():
        by_symbol.setdefault(symbol, []).append(gene)
    found = []
    for gene in genes:
        meant = [gene] if gene in known else by_symbol.get(gene, [])
        if len(meant) > 1:
            raise BadInput(f"genes: the symbol {gene!r} is that of {', '.join(meant)}. Name one of these.")
        if not meant:
            near = difflib.get_close_matches(gene, [*known, *by_symbol], n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise BadInput(f"genes: the model's {len(known):,} genes have no {gene!r}, neither as an id nor as a symbol.{hint}")
        found.append(known[meant[0]])
    if len(set(found)) < len(found):
        raise BadInput("genes: a gene is named twice, by its id and by its symbol. Name each once.")
    return found


def _class(model: Any, towards: str | int | None) -> int | None:
    """The number of a class."""
    if towards is None:
        return None
    classes = getattr(model, "classes", None)
    if classes is None or not hasattr(model, "pool"):
        raise BadInput(f"towards={towards!r} needs a Classifier of cells, got a {type(model).__name__}.")
    if isinstance(towards, str) and towards in classes:
        return classes.index(towards)
    if isinstance(towards, int) and 0 <= towards < len(classes):
        return towards
    raise BadInput(f"towards: expected one of the classes {', '.join(map(repr, classes))} or its number, got {towards!r}.")


def _perturbed(ids: list[np.ndarray], wanted: list[int], kind: Kind, tokenizer: Any) -> tuple[np.ndarray, list[np.ndarray]]:
    """The cells that a perturbation touches, int64 (touched,), and what they become."""
    first, room = getattr(tokenizer, "first_rank", 0), tokenizer.length - len(tokenizer.prefix) - len(tokenizer.suffix)
    touched, after = [], []
    for number, cell in enumerate(ids):
        rest = cell[~np.isin(cell, wanted)]
        if kind == "overexpress":
            rest = np.concatenate([cell[:first], np.array(wanted, cell.dtype), rest[first:]])[:room]
        elif len(rest) == len(cell) or not len(rest):  # not expressed, or nothing else is
            continue
        touched.append(number)
        after.append(rest)
    return np.array(touched, np.int64), after


def _moved(
    reading: _Reading,
    ids: list[np.ndarray],
    touched: np.ndarray,
    after: list[np.ndarray],
    before: dict[int, tuple[np.ndarray, float]],
) -> tuple[np.ndarray, np.ndarray]:
    """Shift and change of probability of each touched cell, (touched,) each; `before` keeps what was read of unperturbed cells."""
    if not len(touched):
        return np.empty(0), np.empty(0)
    if new := [i for i in touched.tolist() if i not in before]:
        plain = [ids[i] for i in new]
        before.update(zip(new, zip(reading.vectors(plain), reading.chances(plain).tolist(), strict=True), strict=True))
    old = np.stack([before[i][0] for i in touched.tolist()])
    found = reading.vectors(after)
    cosine = (old * found).sum(1) / (np.linalg.norm(old, axis=1) * np.linalg.norm(found, axis=1))
    return 1 - cosine, reading.chances(after) - np.array([before[i][1] for i in touched.tolist()])


def _mean(values: np.ndarray, groups: Sequence[object] | None, draws: int, seed: int) -> tuple[float, float, float]:
    """Mean and interval; NaN where there is nothing to average or to resample."""
    if not len(values):
        return np.nan, np.nan, np.nan
    if len(values if groups is None else set(groups)) < 2:
        return float(values.mean()), np.nan, np.nan
    found = ratio(values, np.ones(len(values)), groups, draws, seed)
    return found.value, found.low, found.high
