"""Records to items: the soft mask follows the tokens, empty records are counted, nothing heavy is imported."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glmkit.acquire import sample
from glmkit.bio import DataReport, Record, read_fasta
from glmkit.errors import BadInput
from glmkit.tokens import BpeTokenizer, KmerTokenizer, Tokenizer, TokenStore, encode_records, make_tokenizer
from glmkit.tokens.store.records import token_runs

BPE = BpeTokenizer([("A", "C"), ("AC", "G"), ("T", "T")])


@settings(deadline=None)
@given(
    st.text("ACGT", min_size=1, max_size=60),
    st.lists(st.integers(0, 60), max_size=8, unique=True),
    st.sampled_from([make_tokenizer("base"), KmerTokenizer(3), KmerTokenizer(3, overlapping=False), BPE]),
)
def test_a_token_is_soft_masked_if_all_its_bases_are(sequence: str, edges: list[int], tokenizer: Tokenizer) -> None:
    edges = sorted({min(edge, len(sequence)) for edge in edges})
    runs = np.array(edges[: len(edges) // 2 * 2], np.int64).reshape(-1, 2)
    bases = np.zeros(len(sequence), bool)
    for start, stop in runs:
        bases[start:stop] = True
    ids = tokenizer.encode(sequence)
    sizes = [len(tokenizer.vocabulary[i]) for i in ids]
    step = 1 if tokenizer.bases_per_token == 1 else None
    starts = list(range(len(ids))) if step else np.cumsum([0, *sizes])[:-1].tolist()
    found = np.zeros(len(ids), bool)
    for start, stop in token_runs(runs, ids, tokenizer):
        found[start:stop] = True
    # Two runs that touch are one stretch of bases, but a token across their seam is inside neither.
    expected = [any(a <= start and start + size <= b for a, b in runs) for start, size in zip(starts, sizes, strict=True)]
    assert found.tolist() == expected
    assert all(bases[start : start + size].all() for start, size, hit in zip(starts, sizes, found, strict=True) if hit)


def test_a_genome_becomes_a_store(tmp_path: Path) -> None:
    records = list(read_fasta(sample("staphylococcus_aureus_n315")))
    tokenizer = make_tokenizer("base")
    store = TokenStore.write(tmp_path / "store", encode_records(records, tokenizer), tokenizer)
    assert store.names == [record.id for record in records]
    assert tokenizer.decode(store[0]) == records[0].sequence
    assert TokenStore.open(tmp_path / "store", verify=True).hash == store.hash


def test_records_that_hold_nothing_are_counted_and_a_bad_one_is_named() -> None:
    report = DataReport()
    records = [Record("short", "AC"), Record("unknown", "NNNNNN"), Record("good", "ACGTA")]
    assert [name for name, _, _ in encode_records(records, KmerTokenizer(3), report)] == ["good"]
    assert report.as_dict() == {"record_without_tokens": {"count": 2, "places": ["short", "unknown"]}}
    with pytest.raises(BadInput, match="got '\\*' at position 2") as caught:
        list(encode_records([Record("protein", "AC*")], make_tokenizer("base")))
    assert caught.value.__notes__ == ["record 'protein'"]


def test_no_torch_behind_these_rooms() -> None:
    code = "import sys, glmkit.tokens, glmkit.data; print([m for m in ('torch', 'tokenizers', 'numba', 'transformers') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip() == "[]"
