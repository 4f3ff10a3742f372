"""What tests of several folders share."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.small_study import write_sources

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts pytest in the background has it ignored


@pytest.fixture(scope="session")
def small_sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Values for the acquire notebook's parameters: small parts of the real genomes."""
    return write_sources(tmp_path_factory.mktemp("sources"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The parity table: the largest relative difference from each independent implementation that a test measured."""
    found: dict[tuple[str, str], float] = {}
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in getattr(report, "user_properties", []):
            if name == "parity" and report.when == "call":
                family, what, difference = value
                found[family, what] = max(found.get((family, what), 0.0), difference)
    if found:
        terminalreporter.section("parity: largest difference relative to the largest value")
        for (family, what), difference in sorted(found.items()):
            terminalreporter.line(f"{family:26} {what:40} {difference:.1e}")


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """A file of real data that is too large to commit, by name: in the folder GLMKIT_TEST_DATA, or in shared/data beside the project."""
    folder = Path(os.environ.get("GLMKIT_TEST_DATA") or Path(__file__).parents[2] / "shared/data")

    def find(name: str) -> Path:
        if not (path := folder / name).exists():
            pytest.skip(f"needs {name}: not in {folder}; set GLMKIT_TEST_DATA to the folder that holds it")
        return path

    return find


@pytest.fixture
def service_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a cache of its own, no key, no proxy, and NCBI asked without waiting."""
    from glmkit.acquire.services import eutils, ncbi

    monkeypatch.setenv("GLMKIT_CACHE", str(tmp_path / "cache"))
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    for name in (*proxies, "NCBI_API_KEY", "NCBI_EMAIL", "GLMKIT_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(eutils, "PER_SECOND", 500.0)
    monkeypatch.setattr(ncbi, "PER_SECOND", 500.0)
    return tmp_path


@pytest.fixture
def serve() -> Iterator[Callable[[Any], Any]]:
    """Close a server on loopback when the test ends, and give it back as it is."""
    running: list[Any] = []

    def start(server: Any) -> Any:
        running.append(server)
        return server

    yield start
    for server in running:
        server.close()
