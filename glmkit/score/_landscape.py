"""Mutational landscape of a protein: scores of all single amino-acid substitutions."""

from typing import TYPE_CHECKING

import numpy as np

from glmkit.bio import Mutation, alphabet
from glmkit.score._mutations import MutationMethod, check_protein, check_scoring
from glmkit.score._mutations import mutations as score_mutations
from glmkit.score.windows.batches import BATCH_TOKENS, letters_at_once
from glmkit.score.windows.sites import log_probabilities, masked_reads, plain_reads

if TYPE_CHECKING:
    from glmkit.models import TokenModel

AMINO_ACIDS = alphabet("protein").letters  # the columns, alphabetical


def landscape(
    model: "TokenModel",
    sequence: str,
    method: MutationMethod | None = None,
    *,
    context: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
) -> np.ndarray:
    """Log-odds of each of the 20 amino acids against the wild type at every residue.

    Parameters
    ----------
    model
        A LanguageModel of proteins; its training or evaluation mode is restored afterwards.
    sequence
        Wild-type protein sequence.
    method
        Scoring method, as in :func:`glmkit.score.mutations`. Masked marginals need one pass per residue, wild-type marginals one
        pass in total. ``pseudo-likelihood`` and ``causal`` score 19 mutants per residue; the former needs one pass for each
        residue of each mutant.
    context
        Window length in tokens, special tokens included; None for the model's own.
    batch_tokens
        Maximum number of tokens per batch; affects memory and speed, not the result.

    Returns
    -------
    float32 array (length, 20)
        Nats; columns are ``ACDEFGHIKLMNPQRSTVWY``. 0 at the wild type; NaN in rows whose wild type is not one of the 20.

    Raises
    ------
    BadInput
        A model that does not read proteins, a letter that is no residue, or a method that the model does not support.

    Examples
    --------
    >>> from glmkit.models import TransformerConfig, new_model
    >>> from glmkit.score import landscape
    >>> from glmkit.tokens import make_tokenizer
    >>> config = TransformerConfig(vocabulary_size=33, width=8, layers=1, heads=2, feedforward=8)
    >>> model = new_model(config, make_tokenizer("protein"))
    >>> scores = landscape(model, "MKTAY")
    >>> scores.shape
    (5, 20)
    >>> float(scores[0, "ACDEFGHIKLMNPQRSTVWY".index("M")])
    0.0
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
