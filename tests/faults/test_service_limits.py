"""How often services are asked, together and by which clock."""

import ast
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from glmkit.acquire import acquire
from glmkit.acquire.http import Patience, rate_limit
from glmkit.acquire.http.lockfile import locked
from glmkit.acquire.http.progress import Progress
from glmkit.acquire.services import eutils, ncbi
from tests.services.eutils import Eutils, records

ROOT = Path(__file__).parents[2]
QUICK = Patience(tries=4, pause=0.01, silence=0.4, deadline=2.0, transfer=4.0, window=0.3, slowest=100.0)
RATES = (eutils.PER_SECOND, eutils.PER_SECOND_WITH_KEY, ncbi.PER_SECOND, ncbi.PER_SECOND_WITH_KEY)


@pytest.fixture(autouse=True)
def place(service_place: Path) -> Path:
    return service_place


CHILD = """
import sys
from glmkit.acquire import acquire
from glmkit.acquire.http import Patience
address, out, *names = sys.argv[1:]
for name in names:
    acquire(f"ncbi:{name}", out, address=address, patience=Patience(pause=0.01))
"""


@pytest.mark.parametrize(("key", "limit", "each"), [("", 3, 3), ("s3cret", 10, 4)])
def test_F23_four_processes_share_one_rate(
    serve: Callable[[Any], Any], place: Path, monkeypatch: pytest.MonkeyPatch, key: str, limit: int, each: int
) -> None:
    monkeypatch.setenv("NCBI_API_KEY", key)
    content = records(4 * each)
    server, names = serve(Eutils(content)), list(content)
    argv = [sys.executable, "-c", CHILD, server.url, str(place / "out")]
    children = [subprocess.Popen([*argv, *names[start::4]], cwd=ROOT) for start in range(4)]
    assert [child.wait(60) for child in children] == [0] * 4
    times = server.times()
    assert len(times) == 4 * each
    assert max(sum(start <= when < start + 1.0 for when in times) for start in times) <= limit
    assert {fields.get("api_key", "") for _, _, fields, _ in server.log} == {key}
    assert {path.read_text().split()[0] for path in (place / "out").glob("*.fasta")} == {f">{name}" for name in names}
    assert len(locked()) == 4 * each


def test_F23_the_real_limits() -> None:
    assert RATES == (3.0, 10.0, 5.0, 10.0)
    assert [rate_limit.Limiter("x", rate).interval for rate in RATES] == [1.25 / rate for rate in RATES]


def test_F25_the_wall_clock_jumps(serve: Callable[[Any], Any], place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eutils, "PER_SECOND", 20.0)
    jumps, seen = count(), list[Progress]()
    monkeypatch.setattr(time, "time", lambda: 1.7e9 + (-1) ** next(jumps) * 86_400.0)
    server = serve(Eutils(records(1000)))
    server.faults = {"efetch": [429, 503]}
    begun = time.monotonic()
    acquire("ncbi:txid562[orgn]", place / "out", patience=QUICK, address=server.url, watcher=seen.append)
    assert time.monotonic() - begun < 5
    times = server.times()
    assert times[-1] - times[0] > 0.9 * (len(times) - 1) * 1.25 / 20, "twenty a second, with the margin"
    assert seen[-1].done == seen[-1].total == 1000
    assert all(0 <= moment.seconds < 5 and (moment.left is None or 0 <= moment.left < 30) for moment in seen)


def test_F25_nothing_here_asks_the_wall_clock() -> None:
    found = []
    for path in sorted((ROOT / "glmkit/acquire").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in {"time.time", "time.localtime", "time.gmtime"}:
                found.append(f"{path.name}:{node.lineno}")
    assert found == []
