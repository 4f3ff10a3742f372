"""What all benchmarks share: two sides in turns, medians in CPU seconds, and one table of ratios beside their goals."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import numpy as np

TURNS = 5


class Row(NamedTuple):
    """One line of the table."""

    work: str
    peer: str
    ratio: float
    goal: float
    note: str = ""


def in_turns(*sides: Callable[[], Any], turns: int = TURNS, warm: bool = True) -> list[float]:
    """Median CPU seconds of each side, A B A B …, after one run of each that is not counted (a comparison before may be that)."""
    for run in sides if warm else ():
        run()
    seconds: list[list[float]] = [[] for _ in sides]
    for _ in range(turns):
        for side, run in enumerate(sides):
            before = time.process_time()
            run()
            seconds[side].append(time.process_time() - before)
    return [median(each) for each in seconds]


def protein_lengths(number: int, seed: int = 0, longest: int = 1022) -> np.ndarray:
    """Residues of `number` proteins, spread as in UniRef: log-normal about 300, cut at `longest`."""
    lengths = np.random.default_rng(seed).lognormal(5.7, 0.65, number)
    return np.clip(lengths, 30, longest).astype(int)


def show(rows: list[Row]) -> None:
    """Print the table; a ratio below its goal is marked."""
    print(f"{'work':44} {'peer':34} {'ratio':>8} {'goal':>7}")
    for row in rows:
        mark = " " if row.ratio >= row.goal else "<"
        print(f"{row.work:44} {row.peer:34} {row.ratio:7.2f}× {mark}{row.goal:5.2f}×  {row.note}")
