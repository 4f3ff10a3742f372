"""What tests of several folders share."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

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
