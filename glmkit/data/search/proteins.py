"""Protein families by sequence similarity, and the nearest training protein of each test protein.

Homologous proteins share structure, location and often function, so under a random split a model can score by memorising
training sequences. MMseqs2 finds the homologues, and proteins connected by a chain of hits form one cluster. These are connected
components. The usual greedy set cover can place two close homologues with different representatives into different clusters.
Whole clusters are then assigned to train, validation or test. Chaining makes clusters larger and fractions coarser. Homologues
that the search cannot find (below about 25% identity), or that share one domain only, can still be in different parts. The
identity of the closest pair across the split is therefore searched for and reported.

References
----------
Steinegger M, Söding J (2017). MMseqs2 enables sensitive protein sequence searching for the analysis of massive data sets.
Nature Biotechnology 35, 1026-1028.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from glmkit.data.search.inputs import check_ranges, check_sequences
from glmkit.data.search.numbered_fasta import result_file, write_numbered
from glmkit.programs import SECONDS, run_program

_ONE_STEP = 20_000  # number of sequences up to which all pairs are searched in one pass; beyond, MMseqs2's cascade
SHORTEST = 14  # residues; MMseqs2 finds no words in shorter peptides
_FIELDS = "query,target,fident,qcov,tcov"


def cluster(
    sequences: Mapping[str, str],
    identity: float = 0.3,
    coverage: float = 0.8,
    sensitivity: float = 5.7,
    *,
    threads: int = 1,
    seconds: float = SECONDS,
) -> pd.Series:
    """Cluster proteins by sequence with MMseqs2.

    Two proteins are joined if their local alignment has at least `identity` and covers at least `coverage` of both. A cluster
    is a connected component of such pairs. Equal sequences are always in one cluster. The result depends on ids and sequences,
    not on their order.

    Parameters
    ----------
    sequences
        Id to protein sequence, in upper or lower case.
    identity
        Least share of equal residues in the alignment, in (0, 1].
    coverage
        Least share of either protein inside the alignment, in [0, 1].
    sensitivity
        Sensitivity of MMseqs2's search, 1 (fast) to 7.5 (finds more at low identity, three times slower than 5.7).
    threads
        Processor threads.
    seconds
        Time limit of the program run.

    Returns
    -------
    pandas.Series
        Index id, in the order given; value the id of the cluster's representative.

    Raises
    ------
    BadInput
        The program ``mmseqs`` is not installed, a parameter is out of range, or a sequence is empty or no protein.
    ResourceError
        The program failed or exceeded the time limit.

    Examples
    --------
    >>> from glmkit.data import cluster
    >>> protein = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEK"
    >>> found = cluster({"a": protein, "b": protein[:-2], "c": "GSHMLEDPVWNACTYKRLH" * 3})  # doctest: +SKIP
    >>> found["a"] == found["b"], found["a"] == found["c"]  # doctest: +SKIP
    (True, False)
    """
    check_sequences("sequences", sequences, "protein")
    check_ranges(identity, coverage, sensitivity)
    first: dict[str, str] = {}
    for name in sorted(sequences):
        first.setdefault(sequences[name].upper(), name)
    names = list(first.values())
    with tempfile.TemporaryDirectory(prefix="glmkit-mmseqs-") as folder:
        write_numbered(Path(folder, "in.fasta"), list(first))
        argv = ["easy-cluster", "in.fasta", "out", "work", "--min-seq-id", f"{identity:g}", "-c", f"{coverage:g}"]
        argv += ["--cov-mode", "0", "--cluster-mode", "1", "--max-seqs", "1000"]
        argv += ["--single-step-clustering", "1", "-k", "5"] if len(names) <= _ONE_STEP else []
        _mmseqs([*argv, "-s", f"{sensitivity:g}"], folder, threads, seconds)
        pairs = [line.split("\t") for line in result_file(folder, "out_cluster.tsv", "mmseqs").read_text().splitlines()]
    chief = {names[int(member)]: names[int(representative)] for representative, member in pairs}
    found = [first[sequence.upper()] for sequence in sequences.values()]
    return pd.Series([chief.get(name, name) for name in found], index=pd.Index(sequences, name="id"), name="cluster")


def closest(
    queries: Mapping[str, str],
    targets: Mapping[str, str],
    coverage: float = 0.8,
    sensitivity: float = 5.7,
    *,
    threads: int = 1,
    seconds: float = SECONDS,
) -> pd.DataFrame:
    """The most similar target of each query, by an MMseqs2 search (E-value at most 0.001).

    Of peptides under 14 residues only equal ones are found.

    Parameters
    ----------
    queries, targets
        Id to protein sequence, such as those of test and of training.
    coverage
        Least share of either protein inside the alignment, in [0, 1]; 0 counts a shared domain too.
    sensitivity, threads, seconds
        As for :func:`cluster`.

    Returns
    -------
    pandas.DataFrame
        One row per query, in order: ``id``, ``nearest`` (id of the target; empty without a hit), ``identity`` (share of equal
        residues in the alignment; 0 without a hit) and ``coverage`` (the smaller of both proteins' shares).

    Raises
    ------
    BadInput, ResourceError
        As for :func:`cluster`.

    Examples
    --------
    >>> from glmkit.data.search import closest
    >>> protein = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEK"
    >>> closest({"q": protein[2:]}, {"a": protein, "b": "GSHMLEDPVWNACTYKRLH" * 3}).nearest.tolist()  # doctest: +SKIP
    ['a']
    """
    check_sequences("queries", queries, "protein")
    check_sequences("targets", targets, "protein")
    check_ranges(1.0, coverage, sensitivity)
    ids, names = list(queries), list(targets)
    lines: list[list[str]] = []
    if min(max(map(len, side.values())) for side in (queries, targets)) >= SHORTEST:
        with tempfile.TemporaryDirectory(prefix="glmkit-mmseqs-") as folder:
            write_numbered(Path(folder, "query.fasta"), list(queries.values()))
            write_numbered(Path(folder, "target.fasta"), list(targets.values()))
            argv = ["easy-search", "query.fasta", "target.fasta", "hits.tsv", "work", "-c", f"{coverage:g}", "--cov-mode", "0"]
            argv += ["-k", "5", "-s", f"{sensitivity:g}", "--max-seqs", "1000", "--format-output", _FIELDS]
            _mmseqs(argv, folder, threads, seconds)
            lines = [line.split("\t") for line in result_file(folder, "hits.tsv", "mmseqs").read_text().splitlines()]
    hits = sorted((float(i), min(float(a), float(b)), -int(target), int(query)) for query, target, i, a, b in lines)
    best = {
        query: (names[-target], i, covered) for i, covered, target, query in hits
    }  # later entries replace earlier ones, so the best remains
    same = {sequence.upper(): name for name, sequence in list(targets.items())[::-1]}
    rows = [
        (name, same[s], 1.0, 1.0) if (s := queries[name].upper()) in same else (name, *best.get(i, ("", 0.0, 0.0)))
        for i, name in enumerate(ids)
    ]
    return pd.DataFrame(rows, columns=["id", "nearest", "identity", "coverage"])


def closest_train_neighbour(train: Mapping[str, str], test: Mapping[str, str], coverage: float = 0.8, **search: float) -> float:
    """Identity of the closest pair across a split, as reported in a leakage audit.

    Parameters
    ----------
    train, test
        Id to protein sequence.
    coverage
        As for :func:`closest`.
    **search
        Further keywords of :func:`closest`.

    Returns
    -------
    float
        In [0, 1]; 0 if no test protein has a hit among the training proteins. It is below the identity threshold of the clusters
        if the split separates them.
    """
    return float(closest(test, train, coverage, **search)["identity"].max())  # type: ignore[arg-type]


def _mmseqs(argv: Sequence[str], folder: str, threads: int, seconds: float) -> None:
    """Run MMseqs2 on proteins in `folder`, with errors as its only log."""
    run_program("mmseqs", [*argv, "--dbtype", "1", "--threads", str(threads), "-v", "1"], folder, seconds)
