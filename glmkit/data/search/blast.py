"""One BLAST search of numbered sequences: the database made, the program run, its table read. Who asks says which hits count."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from glmkit.data.search.numbered_fasta import result_file, write_numbered
from glmkit.programs import run_program

MOST = 500  # targets that the program keeps of a query while it searches; its first few are not always its best


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
    """Search each query among the targets; one alignment a pair at most.

    Parameters
    ----------
    program
        ``"blastp"`` for proteins, ``"blastn"`` for DNA.
    queries, targets
        Sequences that were checked before; their places, from 0, are their names.
    fields
        Columns of the table, by the program's own names (``qseqid``, ``pident``), with their types.
    options
        Further words for the program.
    evalue
        Largest E-value of a hit.
    threads
        Processor threads.
    seconds
        Time limit of each program.

    Returns
    -------
    pandas.DataFrame
        A row an alignment, in the program's order.

    Raises
    ------
    BadInput
        A program is not installed.
    ResourceError
        A program failed, took too long, or wrote nothing.
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
