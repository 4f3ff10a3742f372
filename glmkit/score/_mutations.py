"""Zero-shot scores of protein mutations: log-odds of mutant against wild type, in nats; above 0 the mutant is more likely.

There are five methods. Their values are not comparable with each other, so each row of a result names its method.

``masked marginals``
    Each mutated site is masked separately, with the wild type elsewhere. log p(mutant) - log p(wild type) is summed over the
    sites (as in ProteinGym). One pass per site, for any number of mutations at it.
``masked marginals, joint``
    All sites of a mutant are masked at once (the ESM-1v paper). Identical to the above for single mutants.
``wild-type marginals``
    Nothing is masked. One pass serves all sites, but the input contains the residue being scored, which favours the wild type.
``pseudo-likelihood``
    Pseudo-log-likelihood of the mutant minus that of the wild type; one pass for each residue of each mutant. It is the only
    method for insertions and deletions in a masked model. A longer protein has more terms, so each inserted residue costs, and
    each deleted residue gains, a few nats. Compare indels only with others of the same size.
``causal``
    log p(mutant) - log p(wild type) of a causal model. It supports insertions and deletions, with the same caution.

Probabilities are over the whole vocabulary, as in ESM's own script; in the marginals the denominator cancels. For a protein
longer than the context, the model reads a window centred on the mutation; with ``masked marginals``, one window per site.

References
----------
Meier J et al. (2021). Language models enable zero-shot prediction of the effects of mutations on protein function. NeurIPS 34.
Notin P et al. (2023). ProteinGym: large-scale benchmarks for protein fitness prediction and design. NeurIPS 36.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from glmkit.bio import Mutation, check_mutations, parse_mutations
from glmkit.bio.mutation import STOP, apply
from glmkit.errors import BadInput
from glmkit.score.likelihood import log_likelihood
from glmkit.score.windows.batches import BATCH_TOKENS, letters_at_once, special_tokens
from glmkit.score.windows.sites import centred, log_probabilities, masked_reads, plain_reads

if TYPE_CHECKING:
    import pandas as pd

    from glmkit.models import TokenModel

MutationMethod = Literal["masked marginals", "masked marginals, joint", "wild-type marginals", "pseudo-likelihood", "causal"]
MARGINALS = ("masked marginals", "masked marginals, joint", "wild-type marginals")
Mutant = str | Mutation | Sequence[Mutation]


def mutations(
    model: "TokenModel",
    sequence: str,
    mutations: Sequence[Mutant],
    method: MutationMethod | None = None,
    *,
    context: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
) -> "pd.DataFrame":
    """Score mutants of one protein.

    Parameters
    ----------
    model
        A LanguageModel of proteins; its training or evaluation mode is restored afterwards.
    sequence
        Wild-type protein sequence.
    mutations
        Mutants: each a string such as ``A123V`` or ``A123V:G45D`` (1-based residue numbers), a Mutation, or a list of the
        Mutations of a multiple mutant.
    method
        Scoring method, described in the module docstring; None for ``masked marginals`` (masked model) or ``causal``.
    context
        Window length in tokens, special tokens included; None for the model's own.
    batch_tokens
        Maximum number of tokens per batch; affects memory and speed, not the result.

    Returns
    -------
    pandas.DataFrame
        One row per mutant, in the order given: ``mutation`` (str), ``score`` (float64, nats), ``method``, ``n_sites`` (number of
        mutations of the mutant) and ``residues_read`` (length of the wild type, or of the window if that is shorter). The
        table's ``attrs`` hold the method, the context, the tokenizer's hash and the model card.

    Raises
    ------
    BadInput
        A mutation that cannot be parsed or whose wild type differs from the sequence; overlapping mutations in one mutant; a
        stop, or a residue outside the model's 20; an insertion or deletion under a marginal method; a method that the model
        does not support; sites farther apart than the context.

    Examples
    --------
    >>> from glmkit.models import TransformerConfig, new_model
    >>> from glmkit.score import mutations
    >>> from glmkit.tokens import make_tokenizer
    >>> config = TransformerConfig(vocabulary_size=33, width=8, layers=1, heads=2, feedforward=8)
    >>> model = new_model(config, make_tokenizer("protein"))
    >>> table = mutations(model, "MKTAY", ["K2R", "K2R:A4V"])
    >>> table[["mutation", "method", "n_sites"]]
      mutation            method  n_sites
    0      K2R  masked marginals        1
    1  K2R:A4V  masked marginals        2
    """
    import pandas as pd

    sequence, method, longest = check_protein(model, sequence), check_scoring(model, method), letters_at_once(model, context)
    if isinstance(mutations, str | Mutation):
        raise BadInput(f"mutations: expected a list with one entry per mutant, got {mutations!r:.60}. Put it in a list.")
    mutants = [_read(item) for item in mutations]
    check_mutations(sequence, [mutation for mutant in mutants for mutation in mutant])
    for mutant in mutants:
        _check_mutant(model, sequence, mutant, method)
    if method in MARGINALS:
        scores, read = _marginals(model, sequence, mutants, method, longest, batch_tokens)
    else:
        scores, read = _whole(model, sequence, mutants, longest, context, batch_tokens)
    table = pd.DataFrame(
        {
            "mutation": [":".join(map(str, mutant)) for mutant in mutants],
            "score": np.array(scores, np.float64),
            "method": method,
            "n_sites": np.array([len(mutant) for mutant in mutants], np.int64),
            "residues_read": np.array(read, np.int64),
        }
    )
    table.attrs = {
        "method": method,
        "context": longest + special_tokens(model),
        "tokenizer_hash": model.tokenizer.hash,
        "model": dict(model.card),
    }
    return table


def check_protein(model: "TokenModel", sequence: str) -> str:
    """The sequence in upper case; raises an error unless model and sequence are of proteins.

    Parameters
    ----------
    model
        A LanguageModel.
    sequence
        Protein sequence.

    Returns
    -------
    str
        Upper case.

    Raises
    ------
    BadInput
        A model that does not read proteins, no sequence, or a letter that is no residue.
    """
    if model.tokenizer.kind != "letter":
        raise BadInput(f"model: expected a protein model, got one with {model.tokenizer.kind!r} tokens. Load a protein model.")
    if not isinstance(sequence, str) or not sequence:
        raise BadInput(f"sequence: expected one protein as a string, got {sequence!r:.40}.")
    model.tokenizer.encode(sequence)
    return sequence.upper()


def check_scoring(model: "TokenModel", method: MutationMethod | None) -> MutationMethod:
    """The scoring method to use; raises an error if the model does not support it.

    Parameters
    ----------
    model
        A LanguageModel.
    method
        Scoring method; None for the default of the kind of model (masked or causal).

    Returns
    -------
    str
        One of the five methods.

    Raises
    ------
    BadInput
        An unknown method, or a method of the other kind of model.
    """
    causal = bool(model.causal)
    chosen: MutationMethod = method or ("causal" if causal else "masked marginals")
    known = [name for name in get_args(MutationMethod) if (name == "causal") == causal]
    if chosen not in known:
        kind = "causal" if causal else "masked"
        raise BadInput(f"method: expected one of {', '.join(map(repr, known))} for a {kind} model, got {method!r}.")
    return chosen


def _read(item: Mutant) -> list[Mutation]:
    if isinstance(item, str):
        return parse_mutations(item)
    listed: Sequence[Any] = [item] if isinstance(item, Mutation) else item if isinstance(item, Sequence) else []
    found = [mutation for mutation in listed if isinstance(mutation, Mutation)]
    if not found or len(found) < len(listed):
        raise BadInput(f"mutations: expected texts such as 'A123V' or 'A123V:G45D', or Mutation objects, got {item!r:.60}.")
    return found


def _check_mutant(model: "TokenModel", sequence: str, mutant: list[Mutation], method: str) -> None:
    """Raise BadInput unless `method` can score the mutant."""
    name = ":".join(map(str, mutant))
    for mutation in mutant:
        if mutation.new == STOP:
            raise BadInput(f"{name}: expected a residue, got a stop, which the model does not score. Remove nonsense mutations.")
        if method in MARGINALS and not mutation.is_substitution:
            raise BadInput(
                f"{name}: {method!r} compares residues at one site and does not support insertions or deletions. Use "
                "method='pseudo-likelihood' (causal model: method='causal') for all mutants that are to be compared."
            )
        letters = sequence[mutation.start : mutation.end] + mutation.new
        unscored = [letter for letter in letters if not model.tokenizer.maskable[model.tokenizer.encode(letter)[0]]]
        if unscored:
            raise BadInput(
                f"{name}: expected one of the 20 amino acids that the model scores, got {unscored[0]!r}. Remove the mutation."
            )
    if not apply(sequence, mutant):
        raise BadInput(f"{name}: the mutant has no residues left. Remove the mutation.")


def _marginals(
    model: "TokenModel", sequence: str, mutants: list[list[Mutation]], method: str, longest: int, batch_tokens: int
) -> tuple[list[float], list[int]]:
    """Scores of substitutions from tables of log-probabilities; one forward pass per distinct set of sites."""
    ids = model.tokenizer.encode(sequence)
    joint = method == "masked marginals, joint"
    wanted = [tuple(sorted(mutation.start for mutation in mutant)) for mutant in mutants]
    for mutant, sites in zip(mutants, wanted, strict=True):
        if joint and sites[-1] - sites[0] >= longest:
            raise BadInput(
                f"{':'.join(map(str, mutant))}: its sites span {sites[-1] - sites[0] + 1} residues, more than the {longest} of one "
                "window. Use method='masked marginals', which reads one window per site."
            )
    sets = set(wanted) if joint else {(site,) for sites in wanted for site in sites}
    if method == "wild-type marginals":
        reads = plain_reads(ids, sorted(site for (site,) in sets), longest)
    else:
        reads = masked_reads(ids, sorted(sets), model.tokenizer.mask_id, longest)
    rows: dict[tuple[tuple[int, ...], int], np.ndarray] = {}  # key: set of masked sites, site
    for read, found in log_probabilities(model, reads, batch_tokens):
        for site, row in zip(read.sites, found, strict=True):
            rows[read.sites if joint else (site,), site] = row
    scores = []
    for mutant, sites in zip(mutants, wanted, strict=True):
        score = 0.0
        for mutation in mutant:
            row = rows[sites if joint else (mutation.start,), mutation.start]
            score += float(row[model.tokenizer.encode(mutation.new)[0]] - row[ids[mutation.start]])
        scores.append(score)
    return scores, [min(len(ids), longest)] * len(mutants)


def _whole(
    model: "TokenModel", sequence: str, mutants: list[list[Mutation]], longest: int, context: int | None, batch_tokens: int
) -> tuple[list[float], list[int]]:
    """Log-likelihood of each mutant minus that of the wild type over the same window; each distinct window is scored once."""
    places: dict[str, int] = {}
    pairs, read = [], []
    for mutant in mutants:
        start, stop = _stretch(len(sequence), mutant, longest)
        wild, changed = sequence[start:stop], apply(sequence, mutant)
        changed = changed[start : len(changed) - (len(sequence) - stop)]
        pairs.append([places.setdefault(text, len(places)) for text in (changed, wild)])
        read.append(stop - start)
    if not pairs:
        return [], []
    nats = log_likelihood(model, list(places), context=context, batch_tokens=batch_tokens)
    return [float(nats[changed] - nats[wild]) for changed, wild in pairs], read


def _stretch(length: int, mutant: list[Mutation], longest: int) -> tuple[int, int]:
    """Half-open range of wild-type residues such that wild type and mutant both fit in one window."""
    first, last = min(mutation.start for mutation in mutant), max(mutation.end for mutation in mutant)
    grown = max(0, sum(len(mutation.new) - (mutation.end - mutation.start) for mutation in mutant))
    if last - first + grown > longest:
        raise BadInput(
            f"{':'.join(map(str, mutant))}: its sites and insertions span {last - first + grown} residues, more than the {longest} "
            "of one window. Score the mutations separately, or raise the context."
        )
    return centred(length, first, last, longest - grown)
