"""In-silico perturbation: change of a cell's embedding when a gene is deleted or moved to the first rank.

Geneformer (Theodoris et al. 2023, doi:10.1038/s41586-023-06139-9) removes a gene's token from a cell, or moves it to the first
rank. The shift is one minus the cosine similarity of the cell's embeddings before and after. It ranks genes by their influence
on the model and is not a measured effect. Shifts are comparable only between genes in the same cells. With a classifier, the
change of a class probability is easier to interpret.

The embedding includes the perturbed token itself, so a single token has more weight in a short cell. Confidence intervals are
over cells, or over whole groups of cells (donors).
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

    from glmkit.models import Model
    from glmkit.models.networks import Pool

Kind = Literal["delete", "overexpress"]


class _Reading(NamedTuple):  # numpydoc ignore=PR02
    """Settings for the embedding and class probability of cells, identical before and after perturbation."""

    model: "Model"
    pool: "Pool"
    layer: int
    towards: int | None
    batch_tokens: int

    def vectors(self, ids: list[np.ndarray]) -> np.ndarray:
        """Embeddings (n, width) of whole cells."""
        context = max(map(len, ids)) + special_tokens(self.model)
        context = max(context, 2 + special_tokens(self.model))
        return embed(self.model, ids, self.layer, self.pool, context=context, batch_tokens=self.batch_tokens).astype(np.float64)

    def chances(self, ids: list[np.ndarray]) -> np.ndarray:
        """Probability of class `towards`, (n,); zeros if that is None."""
        if self.towards is None:
            return np.zeros(len(ids))
        return class_probabilities(self.model, ids, batch_tokens=self.batch_tokens)[:, self.towards]


def perturb(
    model: "Model",
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
    """Perturb genes in cells and measure the shift of the cells' embeddings.

    Parameters
    ----------
    model
        A LanguageModel or Classifier of cells; its training or evaluation mode is restored afterwards.
    cells
        An AnnData of raw counts, or a dictionary of the modalities of the same cells.
    genes
        Gene ids of the tokenizer's vocabulary, or gene symbols if the tokenizer has them.
    kind
        ``delete`` removes the gene's token from the cells that express it; ``overexpress`` puts it at the first rank of every
        cell.
    combine
        Perturb all genes together instead of one by one. A combined deletion covers cells that express at least one of them.
    towards
        Name or index of a class of a Classifier whose change of probability is reported as well.
    pool, layer
        Pooling and layer of the embedding, as for :func:`glmkit.score.embed`. Geneformer uses the second-to-last layer, -2.
    groups
        Group of each cell, such as its donor, (cells,); whole groups are resampled. None: cells are independent.
    per_cell
        Whether to return one row for each gene and cell.
    draws, seed
        Number of bootstrap resamples and random seed.
    batch_tokens
        Maximum number of tokens per batch; affects memory and speed, not the result.

    Returns
    -------
    pandas.DataFrame
        One row per gene, indexed by the names given (joined by ``+`` if combined). Columns: ``cells`` (number of perturbed
        cells), ``shift`` (mean, in [0, 2]), ``low`` and ``high`` (95% interval; NaN with fewer than two cells or groups). With
        `towards` also ``change`` (of the probability), ``change_low`` and ``change_high``. With `per_cell`: ``gene``, ``cell``,
        ``shift`` and, with `towards`, ``change``.

    Raises
    ------
    BadInput
        A model without ranked genes, an unknown gene, no genes, an unknown kind or class, or groups of the wrong length.

    Examples
    --------
    >>> import anndata, numpy as np, pandas as pd
    >>> from glmkit.models import TransformerConfig, new_model
    >>> from glmkit.score import perturb
    >>> from glmkit.tokens import RankTokenizer
    >>> genes = ["CD3E", "CD19", "MS4A1"]
    >>> tokenizer = RankTokenizer(genes, medians=np.ones(3))
    >>> config = TransformerConfig(vocabulary_size=5, width=8, layers=1, heads=2, feedforward=8)
    >>> counts = np.array([[3, 1, 0], [0, 2, 5], [2, 0, 1]], np.float32)
    >>> names = pd.DataFrame(index=["cell 1", "cell 2", "cell 3"])
    >>> cells = anndata.AnnData(counts, obs=names, var=pd.DataFrame(index=genes))
    >>> table = perturb(new_model(config, tokenizer), cells, ["CD3E", "CD19"], draws=100)
    >>> table["cells"].to_dict()
    {'CD3E': 2, 'CD19': 2}
    >>> list(table.columns)
    ['cells', 'shift', 'low', 'high']
    """
    import pandas as pd

    if kind not in get_args(Kind):
        raise BadInput(f"kind: expected one of {', '.join(get_args(Kind))}, got {kind!r}.")
    reading = _Reading(model, pool, layer, _class(model, towards), batch_tokens)
    tokens = gene_tokens(model.tokenizer, genes)
    sets = [("+".join(genes), tokens)] if combine else [(gene, [token]) for gene, token in zip(genes, tokens, strict=True)]
    names, ids = np.array(cell_names(cells), object), encode(model, cells)
    if groups is not None and len(groups) != len(ids):
        raise BadInput(f"groups: expected one group for each of {len(ids)} cells, got {len(groups)}.")
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
    """Token ids of genes.

    Parameters
    ----------
    tokenizer
        A RankTokenizer, or a CellTokenizer with RNA.
    genes
        Gene ids as in ``tokenizer.token_of``, or symbols as in ``tokenizer.symbols``.

    Returns
    -------
    list of int
        One token id per gene.

    Raises
    ------
    BadInput
        A tokenizer without genes, an empty list or a single string instead of a list, a duplicate or unknown gene, or a symbol
        of several genes.
    """
    known = getattr(tokenizer, "token_of", None)
    if not known:
        raise BadInput(f"model: expected a tokenizer of ranked genes, got a {type(tokenizer).__name__}.")
    if isinstance(genes, str) or not len(genes) or len(set(genes)) < len(genes):
        raise BadInput(f"genes: expected a list of genes, each once, got {genes!r}.")
    by_symbol: dict[str, list[str]] = {}
    for gene, symbol in tokenizer.symbols.items():
        by_symbol.setdefault(symbol, []).append(gene)
    found = []
    for gene in genes:
        meant = [gene] if gene in known else by_symbol.get(gene, [])
        if len(meant) > 1:
            raise BadInput(f"genes: the symbol {gene!r} is ambiguous: {', '.join(meant)}. Use one of these ids.")
        if not meant:
            near = difflib.get_close_matches(gene, [*known, *by_symbol], n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise BadInput(f"genes: {gene!r} is neither an id nor a symbol of the model's {len(known):,} genes.{hint}")
        found.append(known[meant[0]])
    if len(set(found)) < len(found):
        raise BadInput("genes: a gene occurs twice, by its id and by its symbol. List each gene once.")
    return found


def _class(model: "Model", towards: str | int | None) -> int | None:
    """Index of a class."""
    if towards is None:
        return None
    from glmkit.models.heads import SequenceClassifier

    classes = model.classes if isinstance(model, SequenceClassifier) else None
    if classes is None:
        raise BadInput(f"model: towards={towards!r} needs a Classifier of cells, got a {type(model).__name__}.")
    if isinstance(towards, str) and towards in classes:
        return classes.index(towards)
    if isinstance(towards, int) and 0 <= towards < len(classes):
        return towards
    raise BadInput(f"towards: expected one of the classes {', '.join(map(repr, classes))} or its index, got {towards!r}.")


def _perturbed(ids: list[np.ndarray], wanted: list[int], kind: Kind, tokenizer: Any) -> tuple[np.ndarray, list[np.ndarray]]:
    """Indices of the perturbed cells, int64 (touched,), and their token ids after perturbation."""
    first, room = getattr(tokenizer, "first_rank", 0), tokenizer.length - len(tokenizer.prefix) - len(tokenizer.suffix)
    touched, after = [], []
    for number, cell in enumerate(ids):
        rest = cell[~np.isin(cell, wanted)]
        if kind == "overexpress":
            rest = np.concatenate([cell[:first], np.array(wanted, cell.dtype), rest[first:]])[:room]
        elif len(rest) == len(cell) or not len(rest):  # the gene is not expressed, or no other gene is
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
    """Shift and change of probability of each perturbed cell, (touched,) each; `before` caches results of unperturbed cells."""
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
    """Mean and bootstrap interval; NaN with too few values to average or to resample."""
    if not len(values):
        return np.nan, np.nan, np.nan
    if len(values if groups is None else set(groups)) < 2:
        return float(values.mean()), np.nan, np.nan
    found = ratio(values, np.ones(len(values)), groups, draws, seed)
    return found.value, found.low, found.high
