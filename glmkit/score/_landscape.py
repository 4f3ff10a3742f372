"""Every single substitution of a protein: the mutational landscape, ready for a heat map."""

from typing import Any

import numpy as np

from glmkit.bio import Mutation, alphabet
from glmkit.score._mutations import MutationMethod, check_protein, check_scoring
from glmkit.score._mutations import mutations as score_mutations
from glmkit.score.windows.batches import BATCH_TOKENS, letters_at_once
from glmkit.score.windows.sites import log_probabilities, masked_reads, plain_reads

AMINO_ACIDS = alphabet("protein").letters  # the columns, alphabetical


def landscape(
    model: Any,
    sequence: str,
    method: MutationMethod | None = None,
    *,
    context: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
) -> np.ndarray:
    """Log-odds of all 20 amino acids against the wild type at every residue.

    Parameters
    ----------
    model
        A LanguageModel of proteins; it is left in the mode it was in.
    sequence
        The wild type.
    method
        As in :func:`glmkit.score.mutations`. The masked marginals take one pass a residue, the wild-type marginals one in all;
        ``pseudo-likelihood`` and ``causal`` score 19 mutants a residue, the former with a pass for each residue of each.
    context
        Longest piece that the model reads at once, special tokens included; the model's own if None.
    batch_tokens
        Tokens of a batch: memory against speed, never the result.

    Returns
    -------
    float32 array (length, 20)
        Nats; columns are ``ACDEFGHIKLMNPQRSTVWY``. 0 at the wild type; NaN in a row whose wild type is none of the 20.

    Raises
    ------
    BadInput
        A model of something else, a letter that is no residue, or a method that the model cannot serve.
    """
    sequence, method, longest = check_protein(model, sequence), check_scoring(model, method), letters_at_once(model, context)
    result = np.full((len(sequence), len(AMINO_ACIDS)), np.nan, np.float32)
    ids = model.tokenizer.encode(sequence)
    sites = np.flatnonzero(model.tokenizer.maskable[ids]).tolist()
    if method in ("pseudo-likelihood", "causal"):
        singles = [
            Mutation(i, i + 1, letter, ((i, sequence[i]),)) for i in sites for letter in AMINO_ACIDS if letter != sequence[i]
        ]
        table = score_mutations(model, sequence, singles, method, context=context, batch_tokens=batch_tokens)
        result[sites, [AMINO_ACIDS.index(sequence[i]) for i in sites]] = 0
        columns = [AMINO_ACIDS.index(mutation.new) for mutation in singles]
        result[[mutation.start for mutation in singles], columns] = table["score"]
        return result
    columns = model.tokenizer.encode(AMINO_ACIDS)
    if method == "wild-type marginals":
        reads = plain_reads(ids, sites, longest)
    else:
        reads = masked_reads(ids, ([site] for site in sites), model.tokenizer.mask_id, longest)
    for read, rows in log_probabilities(model, reads, batch_tokens):
        for site, row in zip(read.sites, rows, strict=True):
            result[site] = row[columns] - row[ids[site]]
    return result
