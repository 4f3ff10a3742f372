"""Intervals in bases, tokens in a store, and back."""

from pathlib import Path

import numpy as np
import pytest

from glmkit.bio import Interval, Record
from glmkit.data import EncodedWindows
from glmkit.data.windows import bases_of, draw_windows, token_intervals
from glmkit.errors import BadInput
from glmkit.tokens import TokenStore, encode_records, make_tokenizer

LETTERS = "".join(np.random.default_rng(0).choice(list("ACGT"), 57))


def store(folder: Path, name: str) -> TokenStore:
    tokenizer = make_tokenizer(name)
    return TokenStore.write(
        folder / name, encode_records([Record("a", LETTERS), Record("b", LETTERS[:23])], tokenizer), tokenizer
    )


@pytest.mark.parametrize("name", ["base", "kmer4", "kmer6"])
def test_every_interval_reads_back(tmp_path: Path, name: str) -> None:
    made = store(tmp_path, name)
    for start in range(57):
        for end in range(start + 1, 58):
            assert bases_of(made, Interval("a", start, end)) == LETTERS[start:end]


def test_intervals_are_clipped_to_the_tokens_there_are(tmp_path: Path) -> None:
    made = store(tmp_path, "kmer4")
    whole = [Interval("a", 0, 57), Interval("b", 0, 23), Interval("elsewhere", 0, 9), Interval("a", 55, 57)]
    assert token_intervals(made, whole) == [Interval("a", 0, 54), Interval("b", 0, 20)]
    assert token_intervals(made, whole, least=21) == [Interval("a", 0, 54)]


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="ends beyond the 57 bases of 'a'"):
        bases_of(store(tmp_path, "base"), Interval("a", 50, 58))
    with pytest.raises(BadInput, match="a token starts at every base"):
        token_intervals(store(tmp_path, "kmer4_apart"), [Interval("a", 0, 57)])


def test_encoded_windows_are_a_corpus() -> None:
    tokenizer = make_tokenizer("kmer4")
    corpus = EncodedWindows([LETTERS, LETTERS[:9]], tokenizer)
    assert corpus.lengths.tolist() == [54, 6]
    assert (corpus[1] == tokenizer.encode(LETTERS[:9])).all()
    assert corpus.hash != EncodedWindows([LETTERS[:9], LETTERS], tokenizer).hash


@pytest.mark.parametrize("name", ["base", "kmer4"])
def test_windows_are_drawn_from_tiles_of_the_intervals(tmp_path: Path, name: str) -> None:
    made = store(tmp_path, name)
    inside = [Interval("a", 3, 40), Interval("b", 5, 20)]
    sequences, where = draw_windows(made, 6, 5, inside, seed=3)
    tiles = [Interval(i.reference, s, s + 6) for i in inside for s in range(i.start, i.end - 5, 6)]
    assert where == [tiles[i] for i in np.random.default_rng(3).permutation(len(tiles))[:5]]
    assert sequences == [LETTERS[place.start : place.end] for place in where]
    assert len(draw_windows(made, 6, 99, inside)[1]) == len(tiles) == 8
    last = {"base": 57, "kmer4": 54}[name] // 9 * 9
    assert max(place.end for place in draw_windows(made, 9, 99)[1] if place.reference == "a") == last


def test_windows_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No interval holds a window of 41 bases"):
        draw_windows(store(tmp_path, "base"), 41, 3, [Interval("a", 10, 50)])
    with pytest.raises(BadInput, match="got length=0 and n=3"):
        draw_windows(store(tmp_path, "kmer4"), 0, 3)
