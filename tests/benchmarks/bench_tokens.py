"""Tokenizers against their commonest peers: one table of ratios.

Run it as a script: ``python tests/benchmarks/bench_tokens.py [megabases]``. Both sides are first checked to give the same ids; then
they take turns, five each, in CPU seconds, and the ratio is that of the medians. The peers are what people write: a
dictionary over letters, a list comprehension over slices (also by way of the sentence of words that DNABERT reads), and the
``tokenizers`` library with one word a base. A copy of the same bytes shows how far memory itself would allow.
"""

import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from glmkit.tokens import BaseTokenizer, KmerTokenizer

TURNS = 5


def library_tokenizer(vocabulary: tuple[str, ...]) -> Callable[[str], np.ndarray]:
    """Single bases in the ``tokenizers`` library: a split at every letter and a word table."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    engine = Tokenizer(models.WordLevel({token: i for i, token in enumerate(vocabulary)}, unk_token="<unk>"))
    engine.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    return lambda text: np.array(
        [i for start in range(0, len(text), 10_000) for i in engine.encode(text[start : start + 10_000]).ids]
    )


def joined(text: str) -> str:
    """6-mers as words of a sentence, the form that DNABERT's tokenizer reads."""
    return " ".join([text[i : i + 6] for i in range(len(text) - 5)])


def compare(ours: Callable[[], np.ndarray], peer: Callable[[], np.ndarray]) -> tuple[float, float]:
    """Median CPU seconds of both, in turns, after a check that they agree."""
    if not np.array_equal(ours(), peer()):
        raise SystemExit("The two sides do not give the same ids; no timing is worth printing.")
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(TURNS):
        for side, run in enumerate((ours, peer)):
            before = time.process_time()
            run()
            seconds[side].append(time.process_time() - before)
    return median(seconds[0]), median(seconds[1])


def repeated(encode: Callable[[str], np.ndarray], text: str, times: int) -> Callable[[], np.ndarray]:
    """Encode `text` several times, so that a fast side is timed over more than a tick of the clock."""

    def run() -> np.ndarray:
        for _ in range(times):
            ids = encode(text)
        return ids

    return run


def against_memory(text: str) -> tuple[float, float]:
    """Bytes a second of the base tokenizer and of a plain copy, on a text far larger than the cache; medians, in turns."""
    large = text * (200_000_000 // len(text))
    source = np.frombuffer(large.encode("ascii"), np.uint8)
    target = np.zeros_like(source)
    encode = BaseTokenizer().encode
    speeds: tuple[list[float], list[float]] = ([], [])
    for _ in range(TURNS):
        for side, run in enumerate((lambda: encode(large), lambda: np.copyto(target, source))):
            before = time.process_time()
            run()
            speeds[side].append(len(large) / (time.process_time() - before))
    return median(speeds[0]), median(speeds[1])


def main(megabases: float) -> None:
    """Print the table."""
    text = "".join(np.random.default_rng(0).choice(list("ACGT"), int(megabases * 1e6)))
    base, kmers = BaseTokenizer(), KmerTokenizer(6)
    letters = {letter: base.vocabulary.index(letter) for letter in "ACGTN"}
    words = {word: i for i, word in enumerate(kmers.vocabulary)}
    rows: list[tuple[str, str, Callable[[str], np.ndarray], Callable[[str], np.ndarray], int]] = [
        ("1 base", "dictionary", base.encode, lambda t: np.array([letters[c] for c in t]), 20),
        ("1 base", "tokenizers", base.encode, library_tokenizer(base.vocabulary), 20),
        ("6-mers", "list comprehension", kmers.encode, lambda t: np.array([words[t[i : i + 6]] for i in range(len(t) - 5)]), 10),
        ("6-mers", "joined words", kmers.encode, lambda t: np.array([words[w] for w in joined(t).split()]), 10),
    ]
    print(
        f"{'work':8} {'peer':20} {'glmkit MB/s':>12} {'peer MB/s':>10} {'ratio':>8}   ({megabases:g} Mb, {TURNS} turns each, CPU time)"
    )
    for work, peer, ours, theirs, times in rows:
        mine, other = compare(repeated(ours, text, times), repeated(theirs, text, 1))
        print(f"{work:8} {peer:20} {megabases * times / mine:12.0f} {megabases / other:10.1f} {other * times / mine:7.0f}×")
    ours, copy = against_memory(text)
    print(f"{'1 base':8} {'memory copy':20} {ours / 1e6:12.0f} {copy / 1e6:10.0f} {ours / copy:7.2f}×")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 4)
