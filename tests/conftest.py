"""What tests of several folders share."""

import signal

import pytest

from tests.small_study import write_sources

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts pytest in the background has it ignored


@pytest.fixture(scope="session")
def small_sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Values for the acquire notebook's parameters: small parts of the real genomes."""
    return write_sources(tmp_path_factory.mktemp("sources"))
