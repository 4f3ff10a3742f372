"""A BLAST+ search of numbered sequences: database, program run and table of alignments. Callers filter the alignments."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from glmkit.data.search.numbered_fasta import result_file, write_numbered
from glmkit.programs import run_program

MOST = 500  # targets kept per query during the search; with a small limit BLAST can miss the best targets


def run_blast(
    program: Literal["blastp", "blastn"],
    queries: Sequence[str],
    targets: Sequence[str],
    fields: Mapping[str, Any],
    options: Sequence[str] = (),
    *,
    evalue: float,
    threads: int,
    seconds: float,
) -> pd.DataFrame:
    """Search each query among the targets; at most one alignment per pair.

    Parameters
    ----------
    program
        ``"blastp"`` for proteins, ``"blastn"`` for DNA.
    queries, targets
        Sequences, already checked; their indices, from 0, are their names.
    fields
        Columns of the table, by the program's names (``qseqid``, ``pident``), with their types.
    options
        Further command-line options of the program.
    evalue
        Largest E-value of a hit.
    threads
        Processor threads.
    seconds
        Time limit of each program run.

    Returns
    -------
    pandas.DataFrame
        One row per alignment, in the program's order.

    Raises
    ------
    BadInput
        A program is not installed.
    ResourceError
        A program failed, exceeded the time limit, or wrote nothing.
    """
    kind = "prot" if program == "blastp" else "nucl"
    with tempfile.TemporaryDirectory(prefix="glmkit-blast-") as folder:
        write_numbered(Path(folder, "query.fasta"), queries)
        write_numbered(Path(folder, "target.fasta"), targets)
        run_program("makeblastdb", ["-in", "target.fasta", "-dbtype", kind, "-out", "targets"], folder, seconds)
        argv = ["-query", "query.fasta", "-db", "targets", "-out", "hits.tsv", "-outfmt", " ".join(["6", *fields])]
        argv += ["-max_hsps", "1", "-max_target_seqs", str(MOST), "-evalue", f"{evalue:g}", "-num_threads", str(threads)]
        run_program(program, [*argv, *options], folder, seconds)
        return pd.read_csv(result_file(folder, "hits.tsv", program), sep="\t", names=list(fields), dtype=dict(fields))
