"""Docstrings, comments, messages, notebooks and pages use plain scientific English: a list of words fails the build."""

import pytest

from tests.architecture.prose import Text, avoided, texts


def test_no_text_uses_an_avoided_word() -> None:
    assert [f"{text.path}:{text.line} [{word}] {text.text.strip()}" for text, word in avoided(texts())] == []


@pytest.mark.parametrize(
    "line",
    ["A gene hears its neighbours.", "whoever fetched it", "a model of the world's", "Where the weights stand.", "it knows best"],
)
def test_each_such_word_is_found(line: str) -> None:
    assert avoided(iter([Text("here", 1, line)]))


@pytest.mark.parametrize(
    "line", ["a stand-in for sbatch", "A standalone file.", "known genes", "the asking price", "understands"]
)
def test_ordinary_words_are_not(line: str) -> None:
    assert avoided(iter([Text("here", 1, line)])) == []
