"""Motif files: reading of JASPAR and MEME text formats by Biopython, and writing of the minimal MEME format.

Biopython rounds MEME's probabilities to whole sites, which gives a motif of 5 sites only five levels. The number of sites is
therefore replaced by a million in the text for Biopython; the true number is read from the file's lines.

References
----------
Rauluseviciute I et al. (2024). JASPAR 2024. NAR 52, D174-D182.
Bailey TL et al. (2015). The MEME Suite. NAR 43, W39-W49.
"""

import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from glmkit.errors import BadInput
from glmkit.files import atomic_path
from glmkit.interpret.attribution._mutagenesis import LETTERS
from glmkit.interpret.motif_discovery.motif import Motif

_MATRIX = re.compile(r"^letter-probability matrix:.*$", re.MULTILINE)
_SITES = re.compile(r"nsites=\s*([0-9.eE+]+)")


def read_motifs(path: str | Path) -> list[Motif]:
    """Motifs of a JASPAR or MEME file; the first line determines the format.

    Parameters
    ----------
    path
        Text file: JASPAR (``>MA0001.1 NAME`` with four rows of counts each), or minimal MEME format.

    Returns
    -------
    list of Motif
        In the order of the file, named by identifier and name. `n` is the number of sites if the file gives it.

    Raises
    ------
    BadInput
        No such file, neither format, a motif that is not of DNA, or one that Biopython cannot read.
    """
    from Bio import motifs as biopython

    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{path}: expected a file of motifs, got no such file.")
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines or not lines[0].startswith((">", "MEME version")):
        start = lines[0][:40] if lines else "nothing"
        raise BadInput(f"{path}: expected JASPAR ('>MA0001.1 NAME') or MEME ('MEME version 4') motifs, got {start!r}.")
    kind = "jaspar" if lines[0].startswith(">") else "minimal"
    stated = [_SITES.search(line) for line in _MATRIX.findall(text)]
    text = _MATRIX.sub(lambda line: _SITES.sub("", line.group()) + " nsites= 1000000", text)
    try:
        found = list(biopython.parse(io.StringIO(text), kind))
    except (ValueError, IndexError, KeyError, AttributeError, AssertionError, TypeError) as error:
        raise BadInput(f"{path}: Biopython cannot read it as {kind.replace('minimal', 'MEME')} motifs: {error}.") from error
    heads = [line for line in lines if line.startswith(">" if kind == "jaspar" else "MOTIF")]
    if len(found) != len(heads):
        raise BadInput(f"{path}: {len(heads)} motifs begin, but {len(found)} are complete. Is the file cut off?")
    if kind == "jaspar":
        return [_converted(path, motif, head, None) for motif, head in zip(found, heads, strict=True)]
    sites = [int(float(match.group(1))) if match else 0 for match in stated]
    return [_converted(path, motif, head, n) for motif, head, n in zip(found, heads, sites, strict=True)]


def _converted(path: Path, motif: object, head: str, sites: int | None) -> Motif:
    counts = getattr(motif, "counts", None) or {}
    if sorted(counts) != sorted(LETTERS):
        raise BadInput(f"{path}: {head!r}: expected a motif of A, C, G and T, got {''.join(counts)!r}.")
    table = np.array([counts[letter] for letter in LETTERS], dtype=np.float64).T
    totals = table.sum(1)
    if not len(table) or not (table >= 0).all() or not (totals > 0).all():
        raise BadInput(f"{path}: {head!r}: expected counts of 0 or more, with a sum above 0 in each position.")
    words = [word for word in head.removeprefix("MOTIF").lstrip(">").split() if word]
    return Motif(
        name=" ".join(dict.fromkeys(words[:2])),
        frequencies=table / totals[:, None],
        n=round(totals.max()) if sites is None else sites,
    )


def write_motifs(motifs: Sequence[Motif], path: str | Path, background: Sequence[float] = (0.25, 0.25, 0.25, 0.25)) -> Path:
    """Write motifs in the minimal MEME format of the MEME Suite.

    Parameters
    ----------
    motifs
        One or more motifs with distinct names.
    path
        Path of the file, written atomically.
    background
        Background frequencies of A, C, G and T.

    Returns
    -------
    pathlib.Path
        Path of the file.

    Raises
    ------
    BadInput
        No motif, or a duplicate name.
    """
    names = [motif.name.replace(" ", "_") for motif in motifs]
    if not names or len(set(names)) < len(names):
        raise BadInput("motifs: expected at least one, and each name once.")
    lines = ["MEME version 4", "", f"ALPHABET= {LETTERS}", "", "strands: + -", "", "Background letter frequencies"]
    lines += [" ".join(f"{letter} {share:.5f}" for letter, share in zip(LETTERS, background, strict=True)), ""]
    for name, motif in zip(names, motifs, strict=True):
        lines += [f"MOTIF {name}", f"letter-probability matrix: alength= 4 w= {len(motif)} nsites= {motif.n} E= 0"]
        lines += [" ".join(f"{value:.6f}" for value in row) for row in motif.frequencies] + [""]
    path = Path(path)
    with atomic_path(path) as partial:
        partial.write_text("\n".join(lines), encoding="utf-8")
    return path
