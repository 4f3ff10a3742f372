"""The other strand of tokens and labels is what the other strand's own sequence gives."""

import numpy as np
import pytest

from glmkit.bio import reverse_complement
from glmkit.errors import BadInput
from glmkit.tokens import KmerTokenizer, make_tokenizer
from glmkit.tokens.sequences import complement_kmers
from glmkit.train.objectives.batches import Batch
from glmkit.train.objectives.reverse_complement import complement_table, random_order, random_strands, turn_labels

SEQUENCES = ["ACGTTGCANNACGT", "GGCAT", "TTGACATTATAATGCGCATTCGA", "ACCCAG", "TTTTTTTAG", "CAGANTTTT"]


def packed(tokenizer: object) -> Batch:
    pieces = [tokenizer.encode(sequence) for sequence in SEQUENCES]  # type: ignore[attr-defined]
    edges = np.cumsum([0, *map(len, pieces)])
    return Batch(np.arange(len(pieces)), np.concatenate(pieces), edges, np.arange(edges[-1], dtype=np.float32))


@pytest.mark.parametrize("name", ["base", "kmer1", "kmer2", "kmer3", "kmer4", "kmer5"])
def test_turned_tokens_are_those_of_the_other_strand(name: str) -> None:
    tokenizer = make_tokenizer(name)
    batch = packed(tokenizer)
    seen = set()
    for seed in range(9):
        got = random_strands(batch, complement_table(tokenizer), np.random.default_rng(seed))
        order, turned = random_order(batch.boundaries, np.random.default_rng(seed))
        assert got.weights.tolist() == order.tolist()
        for sequence, start, stop in zip(SEQUENCES, got.boundaries[:-1], got.boundaries[1:], strict=True):
            assert turned[start:stop].all() or not turned[start:stop].any()
            expected = tokenizer.encode(reverse_complement(sequence) if turned[start] else sequence)
            assert (got.tokens[start:stop] == expected).all()
            seen.add(bool(turned[start]))
    assert seen == {True, False}


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_labels_stay_with_the_base_they_name(k: int) -> None:
    """Label each base, let each token carry its central base's label, turn; compare with labels made after turning."""
    tokenizer, swap, centre = KmerTokenizer(k), (0, 2, 1), (k - 1) // 2
    batch, rng = packed(tokenizer), np.random.default_rng(1)
    bases = [rng.integers(-1, 3, len(sequence)) for sequence in SEQUENCES]
    of_tokens = [labels[centre : centre + len(labels) - k + 1] for labels in bases]
    table = np.array([*swap, -1])
    for seed in range(9):
        order, turned = random_order(batch.boundaries, np.random.default_rng(seed))
        got = turn_labels(np.concatenate(of_tokens), order, turned, batch.boundaries, swap, k)
        for own, labels, start, stop in zip(of_tokens, bases, batch.boundaries[:-1], batch.boundaries[1:], strict=True):
            expected = own
            if turned[start]:
                expected = table[labels[::-1]][centre : centre + stop - start].copy()
                if k % 2 == 0:
                    expected[0] = -1  # its base stood in no token's centre before
            assert got[start:stop].tolist() == expected.tolist()


def test_complement_of_k_mers_by_strings() -> None:
    vocabulary = KmerTokenizer(3).vocabulary[4:-1]
    assert [vocabulary[i] for i in complement_kmers(3)] == [reverse_complement(kmer) for kmer in vocabulary]


def test_other_tokens_are_refused() -> None:
    with pytest.raises(BadInput, match=r"single bases or overlapping k-mers; these are k-mers apart\. Switch it off"):
        complement_table(make_tokenizer("kmer3_apart"))
