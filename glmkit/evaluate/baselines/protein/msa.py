"""Multiple alignments by Clustal Omega or MAFFT, and the placement of new sequences into an existing alignment.

A position weight model counts in the columns of an alignment, so they must not move when sequences are added. New sequences are added
with the old columns kept, and residues without a column are left out. Each new sequence is placed separately; otherwise the score of a
test sequence would depend on the others.

MAFFT places many in one call (``--addfragments``). Clustal Omega takes one call each (a tenth of a second for a hundred sequences of
three hundred residues), and tends to align distant relatives better.

References
----------
Sievers F et al. (2011). Fast, scalable generation of high-quality protein multiple sequence alignments using Clustal Omega.
Molecular Systems Biology 7, 539. Katoh K, Standley DM (2013). MAFFT multiple sequence alignment software version 7. Molecular
Biology and Evolution 30, 772-780. Katoh K, Frith MC (2012). Adding unaligned sequences into an existing alignment using MAFFT and
LAST. Bioinformatics 28, 3144-3146.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from glmkit.bio import alphabet as find_alphabet
from glmkit.data.search import write_numbered
from glmkit.errors import BadInput
from glmkit.evaluate.baselines.protein.nearest_blast import AlphabetName, check_alphabet
from glmkit.programs import SECONDS, run_program

Aligner = Literal["clustalo", "mafft"]
GAP = "-"
_TYPES = {
    ("clustalo", "protein"): "Protein",
    ("clustalo", "dna"): "DNA",
    ("mafft", "protein"): "--amino",
    ("mafft", "dna"): "--nuc",
}


def align(
    sequences: Sequence[str],
    program: Aligner = "clustalo",
    *,
    alphabet: AlphabetName = "protein",
    threads: int = 1,
    seconds: float = SECONDS,
) -> list[str]:
    """Align homologous sequences.

    Parameters
    ----------
    sequences
        Sequences without gaps, n, of any lengths; ambiguity codes are written as X or N.
    program
        ``"clustalo"`` or ``"mafft"``.
    alphabet
        ``"protein"`` or ``"dna"``.
    threads
        Number of processor threads.
    seconds
        Time limit in seconds.

    Returns
    -------
    list of str
        Rows of one length in upper case, n, with ``-`` for a gap. A single sequence is its own alignment.

    Raises
    ------
    BadInput
        The program is not installed, a sequence is empty, or it has a letter outside the alphabet.
    ResourceError
        The program failed or took too long.
    """
    _check_program(program)
    check_alphabet("sequences", sequences, alphabet)
    plain = _plain(sequences, alphabet)
    if len(plain) == 1:
        return plain
    with tempfile.TemporaryDirectory(prefix="glmkit-align-") as folder:
        write_numbered(Path(folder, "in.fasta"), plain)
        if program == "clustalo":
            argv = ["-i", "in.fasta", "-o", "out.fasta", "-t", _TYPES[program, alphabet], f"--threads={threads}"]
            run_program(program, [*argv, "--output-order=input-order"], folder, seconds)
            return _read(Path(folder, "out.fasta").read_text())
        argv = ["--quiet", "--auto", _TYPES[program, alphabet], "--thread", str(threads), "in.fasta"]
        return _read(run_program(program, argv, folder, seconds))


def add_to_alignment(
    rows: Sequence[str],
    sequences: Sequence[str],
    program: Aligner = "clustalo",
    *,
    alphabet: AlphabetName = "protein",
    threads: int = 1,
    seconds: float = SECONDS,
) -> list[str]:
    """Place further sequences into the columns of an alignment, each separately.

    Parameters
    ----------
    rows
        Rows of the alignment, of one length, with ``-`` for gaps and no column of gaps only.
    sequences
        Further sequences without gaps, n.
    program, alphabet, threads
        As for :func:`align`.
    seconds
        Time limit of a call of the program in seconds.

    Returns
    -------
    list of str
        Rows of the length of the alignment, n. Letters between two of its columns are left out.

    Raises
    ------
    BadInput, ResourceError
        As for :func:`align`; or rows that are no alignment.
    """
    _check_program(program)
    length = check_alignment(rows, alphabet)
    check_alphabet("sequences", sequences, alphabet)
    kept, once = _plain(rows, alphabet), dict.fromkeys(_plain(sequences, alphabet))
    known = {row.replace(GAP, ""): row for row in reversed(kept)}
    new = [sequence for sequence in once if sequence not in known]
    with tempfile.TemporaryDirectory(prefix="glmkit-align-") as folder:
        write_numbered(Path(folder, "rows.fasta"), kept)
        if program == "mafft":
            placed = _by_mafft(folder, len(kept), new, alphabet, threads, seconds) if new else []
        else:
            placed = [_by_clustal(folder, kept, sequence, alphabet, threads, seconds) for sequence in new]
    if odd := next((row for row in placed if len(row) != length), None):
        raise BadInput(f"{program} gave a row of {len(odd)} columns for an alignment of {length}. Use the other program.")
    known |= dict(zip(new, placed, strict=True))
    return [known[sequence] for sequence in _plain(sequences, alphabet)]


def is_aligned(sequences: Sequence[str]) -> bool:
    """Whether sequences are taken as aligned: all of one length.

    Parameters
    ----------
    sequences
        Sequences with or without gaps.

    Returns
    -------
    bool
        True for mutants of one protein, windows of one length, and rows of an alignment.
    """
    return len({len(sequence) for sequence in sequences}) == 1


def check_alignment(rows: Sequence[str], alphabet: AlphabetName = "protein") -> int:
    """Raise BadInput unless all rows have one length and only letters of the alphabet and gaps.

    Parameters
    ----------
    rows
        Rows of the alignment.
    alphabet
        ``"protein"`` or ``"dna"``.

    Returns
    -------
    int
        Number of columns.
    """
    check_alphabet("alignment", rows, alphabet, also=GAP)
    if odd := next((i for i, row in enumerate(rows) if len(row) != len(rows[0])), 0):
        raise BadInput(
            f"alignment: expected rows of one length, but row 0 has {len(rows[0])} columns and row {odd} has {len(rows[odd])}. "
            "Align the sequences first: glmkit.evaluate.baselines.protein.align."
        )
    if empty := next((i for i, row in enumerate(rows) if not row.strip(GAP)), None):
        raise BadInput(f"alignment: row {empty} has gaps only. Remove it.")
    return len(rows[0])


def column_codes(rows: Sequence[str], alphabet: AlphabetName = "protein") -> np.ndarray:
    """Letter codes of an alignment.

    Parameters
    ----------
    rows
        Rows of one length, in either case.
    alphabet
        ``"protein"`` or ``"dna"``.

    Returns
    -------
    int64 array (n, columns)
        Places in the alphabet's letters; the number of letters for a gap, an ambiguity code or an unknown letter.
    """
    letters = find_alphabet(alphabet).letters
    table = np.full(256, len(letters), dtype=np.int64)
    for i, letter in enumerate(letters):
        table[[ord(letter), ord(letter.lower())]] = i
    return table[np.stack([np.frombuffer(row.encode("ascii"), dtype=np.uint8) for row in rows])]


def _plain(sequences: Sequence[str], alphabet: str) -> list[str]:
    """Upper case, with ambiguity codes as the unknown letter, since some programs fail on rare letters."""
    known = find_alphabet(alphabet)
    table = str.maketrans(known.codes, known.unknown * len(known.codes))
    return [sequence.upper().translate(table) for sequence in sequences]


def _by_mafft(folder: str, count: int, new: list[str], alphabet: str, threads: int, seconds: float) -> list[str]:
    write_numbered(Path(folder, "new.fasta"), new)
    argv = ["--quiet", _TYPES["mafft", alphabet], "--thread", str(threads), "--keeplength", "--addfragments", "new.fasta"]
    return _read(run_program("mafft", [*argv, "rows.fasta"], folder, seconds))[count:]


def _by_clustal(folder: str, rows: list[str], sequence: str, alphabet: str, threads: int, seconds: float) -> str:
    """The new row after alignment to the profile, without the columns that only the new sequence has."""
    write_numbered(Path(folder, "new.fasta"), [sequence])
    argv = ["--p1=rows.fasta", "--p2=new.fasta", "--is-profile", "-o", "out.fasta", "--force", f"--threads={threads}"]
    run_program("clustalo", [*argv, "-t", _TYPES["clustalo", alphabet]], folder, seconds)
    *old, last = _read(Path(folder, "out.fasta").read_text())
    grid = np.array([list(row) for row in old])
    kept = (grid != GAP).any(0)
    if ["".join(row) for row in grid[:, kept]] != rows:
        raise BadInput("clustalo moved the columns of the alignment. Does it have a column of gaps only? Remove it.")
    return "".join(np.array(list(last))[kept])


def _read(text: str) -> list[str]:
    """Sequences of FASTA that a program wrote, in upper case."""
    return ["".join(entry.split("\n")[1:]).replace("\r", "").upper() for entry in text.split(">")[1:]]


def _check_program(program: str) -> None:
    if program not in get_args(Aligner):
        raise BadInput(f"program: expected one of {', '.join(get_args(Aligner))}, got {program!r}.")
