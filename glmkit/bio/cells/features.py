"""Final names of the features of a modality (Ensembl ids for genes), and summation of features of equal name."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from glmkit.bio.cells.checks import refuse_repeated
from glmkit.bio.cells.genes import PREFIX, GeneMap, is_ensembl, map_genes
from glmkit.errors import BadInput

ID_COLUMNS = ("gene_ids", "ensembl_id", "ensembl_ids", "gene_id", "feature_id", "ensembl", "id")
SYMBOL_COLUMNS = ("symbol", "gene_symbols", "gene_symbol", "feature_name", "gene_name", "gene_names", "symbols")


@dataclass(frozen=True, kw_only=True)
class Naming:
    """Settings of feature naming; the fields are parameters of :func:`glmkit.bio.read_cells`."""

    genes: str = "ensembl"
    species: str = "human"
    known: float = 0.5
    sum_duplicates: bool = False


def name_features(place: str, var: pd.DataFrame, modality: str, naming: Naming) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The feature table of one modality under final names, and a report on genes (empty for other modalities).

    Parameters
    ----------
    place
        File and part, for messages.
    var
        Feature table of the file.
    modality
        Name of the modality; only the features of ``"rna"`` are mapped to genes.
    naming
        Settings of feature naming.

    Returns
    -------
    tuple of DataFrame and dict
        Feature table, not yet summed over equal names; for genes it has the columns ``symbol``, ``known`` and
        ``name_in_file``. The second entry is the report of :func:`map_genes`.

    Raises
    ------
    BadInput
        Too few genes are recognised, or names repeat and `naming` does not allow their summation.
    """
    var = var.copy()
    var.index = var.index.astype(str)
    if modality != "rna" or naming.genes == "as_is":
        if not naming.sum_duplicates:
            refuse_repeated(place, var.index, "names of features")
        return var, {}
    names, column = _names_to_map(var)
    mapped = map_genes(names.tolist(), naming.species)
    _refuse_unknown(place, names, mapped, naming)
    symbols = _symbols(var, mapped, column)
    given = var.index
    var.index = pd.Index(mapped.ids)
    if not naming.sum_duplicates:
        refuse_repeated(place, pd.Index(names), "names of genes (var names)")
        refuse_repeated(place, var.index, f"Ensembl ids, once versions and prefixes are off ({names.name or 'var names'}),")
    var["symbol"] = symbols
    var["known"] = list(mapped.known)
    if "name_in_file" not in var:  # a file written by write_cells keeps the names of the original file
        var["name_in_file"] = given
    return var, {**mapped.report, "taken_from": column or "var_names"}


def add_up(counts: sparse.csr_matrix, var: pd.DataFrame) -> tuple[sparse.csr_matrix, pd.DataFrame, int]:
    """Sum the columns of equal name at the position of the first; also returns the number of removed columns."""
    codes, unique = pd.factorize(var.index)
    if len(unique) == len(var):
        return counts, var, 0
    ones = np.ones(len(codes), dtype=np.float32)
    adder = sparse.csr_matrix((ones, (np.arange(len(codes)), codes)), shape=(len(codes), len(unique)))
    summed = sparse.csr_matrix(counts @ adder)
    summed.sort_indices()
    return summed, var[~var.index.duplicated()], len(var) - len(unique)


def _names_to_map(var: pd.DataFrame) -> tuple[pd.Series, str]:
    """The names to map and their column in `var`: a column of Ensembl ids if the index has too few, else the index ("")."""
    index = pd.Series(var.index, dtype=object)
    if _share_of_ids(index) < 0.5:
        for column in ID_COLUMNS:
            if column in var and _share_of_ids(ids := var[column].astype(str)) >= 0.5:
                filled = [own if is_ensembl(own) else str(name) for own, name in zip(ids, index, strict=True)]
                return pd.Series(filled, dtype=object, name=f"var[{column!r}]"), column
    return index, ""


def _share_of_ids(names: pd.Series) -> float:
    return float(np.mean([is_ensembl(str(name)) for name in names])) if len(names) else 0.0


def _symbols(var: pd.DataFrame, mapped: GeneMap, column: str) -> list[str]:
    """Gene symbols from the file if it has a column of them, else from the shipped table."""
    for name in SYMBOL_COLUMNS:
        if name in var:
            own = var[name].astype(str).to_numpy()
            return [given if given and given != "nan" else found for given, found in zip(own, mapped.symbols, strict=True)]
    return [str(name) for name in var.index] if column else list(mapped.symbols)


def _refuse_unknown(place: str, names: pd.Series, mapped: GeneMap, naming: Naming) -> None:
    share = float(mapped.report["known_share"])
    if share >= naming.known:
        return
    fits = {other: map_genes(names.tolist(), other).report["known_share"] for other in PREFIX if other != naming.species}
    best = max(fits, key=lambda other: float(fits[other]))
    if fits[best] > max(share, 0.2):
        raise BadInput(
            f"{place}: {share:.0%} of the {len(names):,} genes are {naming.species} genes, {fits[best]:.0%} are {best} genes "
            f"(such as {names.iloc[0]!r}). A {naming.species} model cannot use them: give species={best!r} for a model of "
            f"{best}, or convert them to orthologues."
        )
    first = ", ".join(map(repr, mapped.report["first_unknown"]))
    raise BadInput(
        f"{place}: {share:.0%} of the {len(names):,} gene names are known, at least {naming.known:.0%} are needed. Unknown: "
        f"{first}. Expected Ensembl ids or gene symbols of {naming.species}: glmkit.bio.map_genes(names) shows what maps; give "
        "genes='as_is' to keep the names, or lower known=."
    )
