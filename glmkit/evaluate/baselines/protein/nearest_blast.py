"""The label of the nearest labelled sequence found by BLAST: annotation by homology, without training.

BLAST reports which alignments are unlikely by chance; the similarity of the two sequences indicates how reliable the label is. Hits are
therefore ranked by E-value, and each contributes its label in proportion to its identity. A sequence without a hit gets the mean label.
The baseline shows how much of a task relatives alone can solve.

BLAST is used rather than MMseqs2 (:class:`glmkit.evaluate.baselines.protein.NearestRelative`) for short windows of DNA, for searches of
both strands, or if E-values of BLAST are required; for proteins it takes two to three times longer.

References
----------
Altschul SF et al. (1997). Gapped BLAST and PSI-BLAST: a new generation of protein database search programs. Nucleic Acids
Research 25, 3389-3402. Shah N et al. (2019). Misunderstood parameter of NCBI BLAST impacts the correctness of bioinformatics
workflows. Bioinformatics 35, 1613-1614: why more hits are requested from the program than are used.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from glmkit.bio import alphabet as find_alphabet
from glmkit.data.search import run_blast
from glmkit.data.search.blast import MOST
from glmkit.errors import BadInput
from glmkit.evaluate.method import check_fitted
from glmkit.evaluate.metrics.multiclass import check_multiclass
from glmkit.evaluate.metrics.registry import Kind, check_values
from glmkit.programs import SECONDS

AlphabetName = Literal["protein", "dna"]
Strand = Literal["both", "plus"]
_KINDS = ("classification", "regression", "multiclass")
_FIELDS = {"qseqid": int, "sseqid": int, "pident": float, "evalue": float, "bitscore": float, "qcovs": float, "sstrand": str}
_COLUMNS = ["query", "target", "identity", "evalue", "bits", "coverage", "strand"]


class BlastNeighbour:
    """The labels of the nearest training sequences, by a BLAST search; without a hit, the mean label.

    The score is the mean label of training, moved towards the labels of the hits by their mean identity: for a class m + (label -
    m) · identity, so that a closer relative gives a score closer to its label. For measured values it is the identity-weighted mean
    of the hits.

    Parameters
    ----------
    kind
        ``"classification"``, ``"regression"`` or ``"multiclass"``.
    alphabet
        ``"protein"`` (the program ``blastp``) or ``"dna"`` (``blastn``).
    neighbours
        Number of best hits by E-value; ties in the order of training.
    evalue
        Largest E-value of a hit, above 0, for a database of the training sequences.
    word
        Length of an exact match that starts an alignment, 2 or more; None for the program's default, 3 residues or 11 bases.
    strand
        Strands of DNA to search.
    threads
        Number of processor threads of the search.
    seconds
        Time limit of a search in seconds.
    classes
        Number of classes, for ``"multiclass"``; None for the largest label in training plus one.

    Raises
    ------
    BadInput
        A parameter is out of range. From ``score``: the programs are not installed (``ResourceError``: they failed or took too
        long).
    """

    random = False

    def __init__(
        self,
        kind: Kind = "classification",
        alphabet: AlphabetName = "protein",
        *,
        neighbours: int = 1,
        evalue: float = 1e-3,
        word: int | None = None,
        strand: Strand = "both",
        threads: int = 1,
        seconds: float = SECONDS,
        classes: int | None = None,
    ) -> None:
        if kind not in _KINDS:
            raise BadInput(f"kind: expected one of {', '.join(_KINDS)}, got {kind!r}.")
        if not 1 <= neighbours <= MOST:
            raise BadInput(f"neighbours: expected 1 to {MOST}, got {neighbours}.")
        self.kind, self.alphabet, self.neighbours, self.classes = kind, alphabet, neighbours, classes
        self._search = {"evalue": evalue, "word": word, "strand": strand, "threads": threads, "seconds": seconds}
        self.name = "BLAST neighbour" if neighbours == 1 else f"{neighbours} BLAST neighbours"
        which = "most similar training sequence" if neighbours == 1 else f"{neighbours} most similar training sequences"
        program = "blastp" if alphabet == "protein" else "blastn"
        self.description = (
            f"label of the {which} ({program}, E-value up to {evalue:g}), weighted by identity; else the mean label"
        )
        self._train: list[str] = []

    def fit(self, sequences: Sequence[str], labels: np.ndarray, seed: int = 0) -> "BlastNeighbour":
        """Keep the sequences and their labels.

        Parameters
        ----------
        sequences
            Sequences, n.
        labels
            0 or 1, class numbers, or measured values, (n,).
        seed
            Not used.

        Returns
        -------
        BlastNeighbour
            The method itself, fitted.

        Raises
        ------
        BadInput
            No sequences, an unknown letter, or labels that do not fit.
        """
        check_alphabet("training", sequences, self.alphabet)
        labels = np.asarray(labels)
        if len(labels) != len(sequences):
            raise BadInput(f"{self.name}: expected a label for each of {len(sequences)} sequences, got {len(labels)}.")
        if self.kind == "multiclass":
            width = self.classes or int(labels.max()) + 1
            self._labels = np.eye(width)[check_multiclass(labels, width)]
        else:
            self._labels = check_values(labels)[:, None]
        self._train = list(sequences)
        return self

    def score(self, sequences: Sequence[str]) -> np.ndarray:
        """One score for each sequence, float64 (n,), or (n, classes) for multiclass tasks."""
        check_fitted(self, self._train or None)
        hits = blast_hits(sequences, self._train, self.alphabet, **self._search)  # type: ignore[arg-type]
        hits = hits.groupby("query", sort=False).head(self.neighbours)
        query, weight = hits["query"].to_numpy(), hits["identity"].to_numpy()
        mean = self._labels.mean(0)
        scores = np.tile(mean, (len(sequences), 1))
        total = np.bincount(query, weight, len(sequences))
        count = np.bincount(query, minlength=len(sequences))
        lent = np.zeros_like(scores)
        np.add.at(lent, query, weight[:, None] * self._labels[hits["target"].to_numpy()])
        found = total > 0
        lent[found] /= total[found, None]
        trust = 1.0 if self.kind == "regression" else (total[found] / count[found])[:, None]
        scores[found] = mean + (lent[found] - mean) * trust
        return scores if self.kind == "multiclass" else scores[:, 0]


def blast_hits(
    queries: Sequence[str],
    targets: Sequence[str],
    alphabet: AlphabetName = "protein",
    *,
    evalue: float = 1e-3,
    word: int | None = None,
    strand: Strand = "both",
    threads: int = 1,
    seconds: float = SECONDS,
) -> pd.DataFrame:
    """Similar targets of each query, best first.

    Parameters
    ----------
    queries, targets
        Sequences of one alphabet, in either case.
    alphabet
        ``"protein"`` or ``"dna"``.
    evalue
        Largest E-value of a hit; it grows with the size of `targets`.
    word
        Length of an exact match that starts an alignment, 2 or more; None for the program's default.
    strand
        Strands of DNA to search.
    threads
        Number of processor threads.
    seconds
        Time limit in seconds.

    Returns
    -------
    pandas.DataFrame
        One row for each pair (its best local alignment), sorted by query, then E-value, then bits, then target: ``query`` and ``target``
        (item numbers), ``identity`` (share of identical letters in the alignment), ``evalue``, ``bits``, ``coverage`` (share of the
        query inside alignments with that target) and ``strand`` of the target (``plus``, ``minus``; ``plus`` for proteins).

    Raises
    ------
    BadInput
        A program is not installed, a sequence is empty or has a letter outside the alphabet, or a parameter is out of range.
    ResourceError
        A program failed or took too long.
    """
    check_alphabet("queries", queries, alphabet)
    check_alphabet("targets", targets, alphabet)
    if not evalue > 0 or (word is not None and word < 2) or threads < 1:
        raise BadInput(f"Expected evalue > 0, word >= 2 and threads >= 1, got evalue={evalue}, word={word}, threads={threads}.")
    options = ["-word_size", str(word)] if word is not None else []
    options += ["-task", "blastn", "-strand", strand] if alphabet == "dna" else []
    table = run_blast(
        "blastp" if alphabet == "protein" else "blastn", queries, targets, _FIELDS, options,
        evalue=evalue, threads=threads, seconds=seconds,
    )  # fmt: skip
    return _in_order(table.set_axis(_COLUMNS, axis=1))


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Hits with shares from 0 to 1, in an order independent of the program's."""
    table["identity"] /= 100
    table["coverage"] /= 100
    table["strand"] = np.where(table["strand"].astype(str) == "minus", "minus", "plus")
    order = np.lexsort((table["target"], -table["bits"], table["evalue"], table["query"]))
    return table.iloc[order].reset_index(drop=True)


def check_alphabet(what: str, sequences: Sequence[str] | Mapping[str, str], alphabet: str, also: str = "") -> None:
    """Raise BadInput unless there are sequences, none is empty, and all letters are in the alphabet.

    Parameters
    ----------
    what
        Name of the sequences in the message.
    sequences
        Sequences in either case, in a list or by id.
    alphabet
        ``"protein"`` or ``"dna"``.
    also
        Further allowed characters, such as ``-``.
    """
    if alphabet not in ("protein", "dna"):
        raise BadInput(f"alphabet: expected 'protein' or 'dna', got {alphabet!r}.")
    known = find_alphabet(alphabet)
    allowed = frozenset(known.letters + known.codes + known.unknown + also)
    if not len(sequences):
        raise BadInput(f"{what}: expected at least one sequence, got none.")
    for i, sequence in sequences.items() if isinstance(sequences, Mapping) else enumerate(sequences):
        if not sequence:
            raise BadInput(f"{what}: sequence {i} is empty. Remove it.")
        if unknown := set(sequence.upper()) - allowed:
            place = next(j for j, letter in enumerate(sequence.upper()) if letter in unknown)
            raise BadInput(
                f"{what}: sequence {i} has {sequence[place]!r} at position {place + 1}; expected letters of {alphabet} "
                f"({known.letters}, codes {known.codes}{known.unknown}{', or ' + also if also else ''})."
            )
