"""Families of proteins by sequence, and splits that keep each family on one side.

Two proteins of common descent share structure, place and often function, so a random split asks whether a model remembers, not
whether it has learnt. MMseqs2 finds the relatives; proteins joined by a chain of hits become one cluster (connected components
rather than the usual greedy sets, in which two near relatives of different representatives fall into different clusters), and
whole clusters go to train, validation or test. The trade-off: chains make larger clusters and coarser fractions, and relatives
too far apart to be found (below about 25% identity), or alike in one domain only, still stand on both sides. How close the
closest pair across the split is, is therefore searched for and reported.

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

_ONE_STEP = 20_000  # sequences up to which all pairs are searched in one pass; beyond, MMseqs2's cascade
SHORTEST = 14  # residues below which MMseqs2 has no words to look for
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

    Two proteins are joined if their local alignment has at least `identity` and covers at least `coverage` of both; a cluster
    is everything that a chain of such pairs connects. Equal sequences are always together. The result depends on ids and
    sequences, not on their order.

    Parameters
    ----------
    sequences
        Id to protein; letter case does not matter.
    identity
        Least share of equal residues in the alignment, in (0, 1].
    coverage
        Least share of either protein inside the alignment, in [0, 1].
    sensitivity
        Of MMseqs2's search, 1 (fast) to 7.5 (finds more at low identity, three times slower than 5.7).
    threads
        Processor threads.
    seconds
        Time limit.

    Returns
    -------
    pandas.Series
        Index id, in the order given; value the id of the cluster's representative.

    Raises
    ------
    BadInput
        The program ``mmseqs`` is not installed, a parameter is out of range, or a sequence is empty or no protein.
    ResourceError
        The program failed or took too long.
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
        Id to protein: the test side and the training side, say.
    coverage
        Least share of either protein inside the alignment, in [0, 1]; 0 counts a shared domain too.
    sensitivity, threads, seconds
        As for :func:`cluster`.

    Returns
    -------
    pandas.DataFrame
        A row a query, in order: ``id``, ``nearest`` (id of the target; empty without a hit), ``identity`` (share of equal
        residues in the alignment; 0 without a hit) and ``coverage`` (the smaller of both proteins' shares).

    Raises
    ------
    BadInput, ResourceError
        As for :func:`cluster`.
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
    best = {query: (names[-target], i, covered) for i, covered, target, query in hits}  # the last, so the best, stays
    same = {sequence.upper(): name for name, sequence in list(targets.items())[::-1]}
    rows = [
        (name, same[s], 1.0, 1.0) if (s := queries[name].upper()) in same else (name, *best.get(i, ("", 0.0, 0.0)))
        for i, name in enumerate(ids)
    ]
    return pd.DataFrame(rows, columns=["id", "nearest", "identity", "coverage"])


def closest_train_neighbour(train: Mapping[str, str], test: Mapping[str, str], coverage: float = 0.8, **search: float) -> float:
    """Identity of the closest pair across a split: the number for a leakage audit.

    Parameters
    ----------
    train, test
        Id to protein.
    coverage
        As for :func:`closest`.
    **search
        Further keywords of :func:`closest`.

    Returns
    -------
    float
        0 if no test protein has a hit among the training proteins; below the identity of the clusters if the split held.
    """
    return float(closest(test, train, coverage, **search)["identity"].max())  # type: ignore[arg-type]


def _mmseqs(argv: Sequence[str], folder: str, threads: int, seconds: float) -> None:
    """Run MMseqs2 on proteins in `folder`, without its log."""
    run_program("mmseqs", [*argv, "--dbtype", "1", "--threads", str(threads), "-v", "1"], folder, seconds)
