"""The FASTA reader equals a plain line-by-line parse, wherever its blocks happen to end."""

from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glmkit.acquire import sample
from glmkit.bio import read_fasta
from glmkit.bio.files import fasta
from glmkit.bio.files.fasta import check_fasta
from glmkit.bio.files.opening import read_blocks

lines = st.lists(st.text("ACGTacgtNnRy", min_size=0, max_size=9), min_size=1, max_size=5).filter(
    lambda rows: sum(letter in "ACGTacgt" for row in rows for letter in row) > sum(map(len, rows)) / 2
)


def masked_runs(text: str) -> list[list[int]]:
    runs, at = [], 0
    for lower, group in groupby(text, str.islower):
        size = len(list(group))
        if lower:
            runs.append([at, at + size])
        at += size
    return runs


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=st.lists(lines, min_size=1, max_size=4), size=st.integers(1, 23), end=st.sampled_from(["\n", "\r\n"]))
def test_any_block_size_gives_the_same_records(
    records: list[list[str]], size: int, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "any.fasta"
    text = "".join(f">r{i} d > {i}{end}" + "".join(row + end for row in rows) for i, rows in enumerate(records))
    path.write_bytes(text.encode())
    monkeypatch.setattr(fasta, "read_blocks", lambda path: read_blocks(path, size))
    found = list(read_fasta(path))
    assert [(r.id, r.description, r.sequence) for r in found] == [
        (f"r{i}", f"d > {i}", "".join(rows).upper()) for i, rows in enumerate(records)
    ]
    for record, rows in zip(found, records, strict=True):
        assert record.soft_masked.dtype == np.int64
        assert record.soft_masked.tolist() == masked_runs("".join(rows))


def test_real_genome_is_read_whole() -> None:
    (record,) = read_fasta(sample("helicobacter_pylori_g27"))
    assert (record.id, len(record)) == ("NC_011333.1", 1_652_982)
    assert {letter: record.sequence.count(letter) for letter in "ACGT"} == {"A": 501789, "C": 323751, "G": 319163, "T": 508279}
    assert check_fasta(sample("staphylococcus_aureus_n315")) == (1, 2_814_816, 2_814_816)
