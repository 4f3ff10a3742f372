"""What a protein model thinks of a mutation: the log-odds of mutant against wild type, in nats; above 0 the mutant is likelier.

Five methods. Their numbers are not comparable with each other, so each row says which one it is.

``masked marginals``
    Each mutated site is masked on its own, the rest being wild type, and log p(mutant) - log p(wild type) summed over the sites
    (as ProteinGym does). One pass a site, whatever the number of mutations at it.
``masked marginals, joint``
    All sites of a mutant are masked at once (the ESM-1v paper). The same for single mutants.
``wild-type marginals``
    Nothing is masked: one pass for everything, but the model reads the residue that it is asked about, which favours it.
``pseudo-likelihood``
    Pseudo-log-likelihood of the mutant less that of the wild type; one pass for each residue of each mutant. This is the one
    that serves insertions and deletions in a masked model. A longer protein has more terms, so an insertion costs and a
    deletion gains a few nats a residue: compare indels with others of their size.
``causal``
    log p(mutant) - log p(wild type) of a causal model; serves insertions and deletions, with the same caution.

Probabilities are over the whole vocabulary, as in ESM's own script; in the marginals the denominator cancels. Where a protein is
longer than the context, the model reads a window with the mutation at its centre; with ``masked marginals`` each site has its own.

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

MutationMethod = Literal["masked marginals", "masked marginals, joint", "wild-type marginals", "pseudo-likelihood", "causal"]
MARGINALS = ("masked marginals", "masked marginals, joint", "wild-type marginals")
Mutant = str | Mutation | Sequence[Mutation]


def mutations(
    model: Any,
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
        A LanguageModel of proteins; it is left in the mode it was in.
    sequence
        The wild type.
    mutations
        Mutants, each a text such as ``A123V`` or ``A123V:G45D`` (residues count from 1), a Mutation, or a list of those that stand
        together.
    method
        See the module; None is ``masked marginals`` for a masked model and ``causal`` for a causal one.
    context
        Longest piece that the model reads at once, special tokens included; the model's own if None.
    batch_tokens
        Tokens of a batch: memory against speed, never the result.

    Returns
    -------
    pandas.DataFrame
        One row a mutant, in the order given: ``mutation`` (text), ``score`` (float64, nats), ``method``, ``n_sites`` (mutations
        that stand together) and ``residues_read`` (the wild type's length, or that of the window where it is longer). Its ``attrs`` name the method,
        the context, the tokenizer's hash and the model's card.

    Raises
    ------
    BadInput
        A mutation that cannot be read or whose wild type differs from the sequence; one that overlaps another of its mutant;
        a stop, or a residue that the model does not score; an insertion or deletion under a marginal method; a method that
        the model cannot serve; sites farther apart than the context.
    """
    import pandas as pd

    sequence, method, longest = check_protein(model, sequence), check_scoring(model, method), letters_at_once(model, context)
    if isinstance(mutations, str | Mutation):
        raise BadInput(f"mutations: expected a list, one entry a mutant, got {mutations!r:.60}. Put it in a list.")
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


def check_protein(model: Any, sequence: str) -> str:
    """The sequence in upper case, or an error if model or sequence are not of proteins.

    Parameters
    ----------
    model
        A LanguageModel.
    sequence
        One protein.

    Returns
    -------
    str
        Upper case.

    Raises
    ------
    BadInput
        A model of something else, no sequence, or a letter that is no residue.
    """
    if model.tokenizer.kind != "letter":
        raise BadInput(
            f"Mutations such as A123V are of proteins; this model reads {model.tokenizer.kind!r} tokens. Load a protein model."
        )
    if not isinstance(sequence, str) or not sequence:
        raise BadInput(f"sequence: expected one protein as a string, got {sequence!r:.40}.")
    model.tokenizer.encode(sequence)
    return sequence.upper()


def check_scoring(model: Any, method: MutationMethod | None) -> MutationMethod:
    """The method to use, or an error if the model cannot serve it.

    Parameters
    ----------
    model
        A LanguageModel.
    method
        None for the model's own.

    Returns
    -------
    str
        One of the five.

    Raises
    ------
    BadInput
        An unknown method, or one of the other kind of model.
    """
    causal = bool(model.causal)
    chosen: MutationMethod = method or ("causal" if causal else "masked marginals")
    known = [name for name in get_args(MutationMethod) if (name == "causal") == causal]
    if chosen not in known:
        kind = "causal" if causal else "masked"
        raise BadInput(f"method: a {kind} model serves {', '.join(map(repr, known))}; got {method!r}.")
    return chosen


def _read(item: Mutant) -> list[Mutation]:
    if isinstance(item, str):
        return parse_mutations(item)
    listed: Sequence[Any] = [item] if isinstance(item, Mutation) else item if isinstance(item, Sequence) else []
    found = [mutation for mutation in listed if isinstance(mutation, Mutation)]
    if not found or len(found) < len(listed):
        raise BadInput(f"mutations: expected texts such as 'A123V' or 'A123V:G45D', or Mutation objects, got {item!r:.60}.")
    return found


def _check_mutant(model: Any, sequence: str, mutant: list[Mutation], method: str) -> None:
    """Raise BadInput unless `method` can score the mutant."""
    name = ":".join(map(str, mutant))
    for mutation in mutant:
        if mutation.new == STOP:
            raise BadInput(
                f"{name}: a stop puts no residue in place, so there is nothing to score. Leave nonsense mutations out."
            )
        if method in MARGINALS and not mutation.is_substitution:
            raise BadInput(
                f"{name}: {method!r} compares residues at one site, which an insertion or deletion does not have. Use "
                "method='pseudo-likelihood' (a causal model: method='causal') for all that are to be compared."
            )
        letters = sequence[mutation.start : mutation.end] + mutation.new
        unscored = [letter for letter in letters if not model.tokenizer.maskable[model.tokenizer.encode(letter)[0]]]
        if unscored:
            raise BadInput(
                f"{name}: {unscored[0]!r} is none of the 20 amino acids that the model scores. Leave the mutation out."
            )
    if not apply(sequence, mutant):
        raise BadInput(f"{name}: nothing of the protein is left.")


def _marginals(
    model: Any, sequence: str, mutants: list[list[Mutation]], method: str, longest: int, batch_tokens: int
) -> tuple[list[float], list[int]]:
    """Scores of substitutions from tables of log-probabilities; each set of sites is read once."""
    ids = model.tokenizer.encode(sequence)
    joint = method == "masked marginals, joint"
    wanted = [tuple(sorted(mutation.start for mutation in mutant)) for mutant in mutants]
    for mutant, sites in zip(mutants, wanted, strict=True):
        if joint and sites[-1] - sites[0] >= longest:
            raise BadInput(
                f"{':'.join(map(str, mutant))}: its sites span {sites[-1] - sites[0] + 1} residues, more than the {longest} that "
                "are read at once. Use method='masked marginals', which reads a window for each site."
            )
    sets = set(wanted) if joint else {(site,) for sites in wanted for site in sites}
    if method == "wild-type marginals":
        reads = plain_reads(ids, sorted(site for (site,) in sets), longest)
    else:
        reads = masked_reads(ids, sorted(sets), model.tokenizer.mask_id, longest)
    rows: dict[tuple[tuple[int, ...], int], np.ndarray] = {}  # by set of sites and site
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
    model: Any, sequence: str, mutants: list[list[Mutation]], longest: int, context: int | None, batch_tokens: int
) -> tuple[list[float], list[int]]:
    """Likelihood of each mutant less that of the wild type, both over the same stretch; each distinct stretch is read once."""
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
    """The residues of the wild type to read: so many that the mutant, too, fits in one window."""
    first, last = min(mutation.start for mutation in mutant), max(mutation.end for mutation in mutant)
    grown = max(0, sum(len(mutation.new) - (mutation.end - mutation.start) for mutation in mutant))
    if last - first + grown > longest:
        raise BadInput(
            f"{':'.join(map(str, mutant))}: its sites and insertions span {last - first + grown} residues, more than the {longest} "
            "that are read at once. Score them one by one, or raise the context."
        )
    return centred(length, first, last, longest - grown)
