"""Homologues among DNA sequences, on both strands.

A window and the reverse complement of another window can be the same genomic region, so BLASTN searches both strands. MMseqs2
also has a nucleotide search. In a comparison on windows of 30 to 3,000 bases with planted homologues, BLASTN found more of
them: at 80% identity and 60 bases 92% against 43%, at 70% identity and 600 bases 97% against 85%. It was also much faster,
because MMseqs2 uses longer words and first builds a large table. The word size is 7 for windows up to 250 bases and 11 beyond,
where 7 finds no more and takes ten times as long. Below about 70% identity neither program finds DNA homologues: compare the
proteins, or hold out whole species.

Windows are cut at arbitrary positions, so two windows over copies of a repeat share only part of it. An alignment therefore
counts if it covers 40% of both windows. With the 80% that is usual for whole proteins, windows of 200 bases from the two copies
of a chloroplast's inverted repeat appear unrelated.

References
----------
Camacho C, et al. (2009). BLAST+: architecture and applications. BMC Bioinformatics 10, 421.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from glmkit.bio import reverse_complement
from glmkit.data.search.blast import run_blast
from glmkit.data.search.inputs import check_ranges, check_sequences
from glmkit.programs import SECONDS, find_program

EVALUE = 1e-3
HALF = 0.4  # of windows tiled over two copies of a region some share at least half, whatever the offset; minus a margin
SHORT = 250  # length in bases up to which the word size is 7
_FIELDS = {
    "qseqid": "query", "sseqid": "target", "nident": "identical", "length": "length", "qstart": "qstart", "qend": "qend",
    "sstart": "tstart", "send": "tend", "qlen": "qlen", "slen": "tlen",
}  # fmt: skip


def closest_dna(
    queries: Mapping[str, str],
    targets: Mapping[str, str],
    coverage: float = HALF,
    *,
    threads: int = 1,
    seconds: float = SECONDS,
) -> pd.DataFrame:
    """The most similar target of each query on either strand, by BLASTN (E-value at most 0.001).

    Parameters
    ----------
    queries, targets
        Id to DNA sequence, such as those of test and of training; upper or lower case.
    coverage
        Least share of either sequence inside the alignment, in [0, 1]; 0 counts any shared region. For whole genes take 0.8.
    threads
        Processor threads.
    seconds
        Time limit of each program run.

    Returns
    -------
    pandas.DataFrame
        One row per query, in order: ``id``, ``nearest`` (id of the target; empty without a hit), ``identity`` (share of equal
        bases in the alignment; 0 without a hit), ``coverage`` (the smaller of both sequences' shares) and ``strand`` (``+``,
        ``-`` where the target matches as its reverse complement, empty without a hit).

    Raises
    ------
    BadInput
        ``blastn`` or ``makeblastdb`` is not installed, `coverage` is out of range, or a sequence is empty or no DNA.
    ResourceError
        A program failed or exceeded the time limit.

    Examples
    --------
    >>> from glmkit.data.search import closest_dna
    >>> gene = "ATGACCGGTTTAGCCAAACGTCTGGATTCAGCGTATCCGGAACATTGCTAA"
    >>> closest_dna({"q": gene[5:45]}, {"a": gene, "b": "ACGT" * 12}).nearest.tolist()  # doctest: +SKIP
    ['a']
    """
    check_sequences("queries", queries, "dna")
    check_sequences("targets", targets, "dna")
    check_ranges(1.0, coverage)
    names = list(targets)
    hits = _hits(list(queries.values()), list(targets.values()), 0.0, coverage, threads, seconds)
    hits = hits.sort_values(["query", "identity", "coverage", "target"], ascending=[True, True, True, False])
    best = hits.drop_duplicates("query", keep="last")
    columns = ("target", "identity", "coverage", "strand")
    values = [(names[place], *rest) for place, *rest in zip(*(best[name].tolist() for name in columns), strict=True)]
    found = dict(zip(best["query"].tolist(), values, strict=True))
    same = {sequence.upper(): name for name, sequence in list(targets.items())[::-1]}
    rows: list[tuple] = []
    for i, (name, sequence) in enumerate(queries.items()):
        if sequence.upper() in same:
            rows.append((name, same[sequence.upper()], 1.0, 1.0, "+"))
        elif (other := reverse_complement(sequence.upper())) in same:
            rows.append((name, same[other], 1.0, 1.0, "-"))
        else:
            rows.append((name, *found.get(i, ("", 0.0, 0.0, ""))))
    return pd.DataFrame(rows, columns=["id", "nearest", "identity", "coverage", "strand"])


def cluster_dna(
    sequences: Mapping[str, str],
    identity: float = 0.8,
    coverage: float = HALF,
    *,
    threads: int = 1,
    seconds: float = SECONDS,
) -> pd.Series:
    """Cluster DNA sequences on both strands by single linkage over BLASTN hits.

    Equal sequences and reverse complements are always in one cluster. The result depends on ids and sequences, not on their
    order.

    Parameters
    ----------
    sequences
        Id to DNA sequence, in upper or lower case.
    identity
        Least share of equal bases in the alignment, in (0, 1]. Below 0.7 homologues are missed.
    coverage
        As for :func:`closest_dna`.
    threads, seconds
        As for :func:`closest_dna`.

    Returns
    -------
    pandas.Series
        Index id, in the order given; value the id of the cluster's longest sequence (the first by name among equals), as
        :func:`glmkit.data.split_homology` takes it.

    Raises
    ------
    BadInput, ResourceError
        As for :func:`closest_dna`.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    check_sequences("sequences", sequences, "dna")
    check_ranges(identity, coverage)
    one_strand = {name: min(s.upper(), reverse_complement(s.upper())) for name, s in sequences.items()}
    first: dict[str, str] = {}
    for name in sorted(sequences):
        first.setdefault(one_strand[name], name)
    order = sorted(first, key=lambda sequence: (-len(sequence), first[sequence]))
    hits = _hits(order, order, identity, coverage, threads, seconds)
    pairs = (np.ones(len(hits)), (hits["query"].to_numpy(), hits["target"].to_numpy()))
    _, component = connected_components(coo_array(pairs, shape=(len(order), len(order))), directed=False)
    chief: dict[int, str] = {}
    for sequence, number in zip(order, component.tolist(), strict=True):
        chief.setdefault(number, first[sequence])
    of_sequence = {sequence: chief[number] for sequence, number in zip(order, component.tolist(), strict=True)}
    found = [of_sequence[one_strand[name]] for name in sequences]
    return pd.Series(found, index=pd.Index(sequences, name="id"), name="cluster")


def _hits(
    queries: Sequence[str], targets: Sequence[str], identity: float, coverage: float, threads: int, seconds: float
) -> pd.DataFrame:
    """Best alignment of each pair above the thresholds: query and target as numbers, identity, coverage, strand."""
    find_program("blastn")  # before makeblastdb runs, so that the message names the program of the search
    word = 7 if max(map(len, [*queries, *targets])) <= SHORT else 11
    options = ["-task", "blastn", "-strand", "both", "-word_size", str(word), "-qcov_hsp_perc", f"{max(100 * coverage - 1, 0):g}"]
    fields = dict.fromkeys(_FIELDS, np.int64)
    hits = run_blast("blastn", queries, targets, fields, options, evalue=EVALUE, threads=threads, seconds=seconds)
    hits = hits.rename(columns=_FIELDS)
    hits["identity"] = hits["identical"] / hits["length"]
    spans = (hits["qend"] - hits["qstart"] + 1) / hits["qlen"], ((hits["tend"] - hits["tstart"]).abs() + 1) / hits["tlen"]
    hits["coverage"] = np.minimum(*spans)
    hits["strand"] = np.where(hits["tstart"] <= hits["tend"], "+", "-")
    good = (hits["identity"] >= identity) & (hits["coverage"] >= coverage)
    return hits.loc[good, ["query", "target", "identity", "coverage", "strand"]]
