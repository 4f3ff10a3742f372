"""F31: a search or alignment program is absent, fails, or hangs. Whoever calls it says so in one sentence, and nothing is left behind."""

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from glmkit.data import cluster
from glmkit.data.search import closest, closest_dna, cluster_dna
from glmkit.errors import BadInput, ResourceError
from glmkit.programs import PROGRAMS, run_program

PROTEINS = {"a": "MKTAYIAKQRQISFVKSHFSRQ", "b": "MKTAYIARQRQISFVKSHFSRQLEE"}
WINDOWS = {"a": "ACGTTGCAAGGCTATTCGAC", "b": "ACGTTGCAAGGCTATTCGACTTAGC"}
CALLERS: list[tuple[str, Callable]] = [
    *((name, lambda seconds, name=name: run_program(name, ["work"], tempfile.gettempdir(), seconds)) for name in PROGRAMS),
    ("mmseqs", lambda seconds: cluster(PROTEINS, seconds=seconds)),
    ("mmseqs", lambda seconds: closest(PROTEINS, PROTEINS, seconds=seconds)),
    ("makeblastdb", lambda seconds: cluster_dna(WINDOWS, seconds=seconds)),
    ("blastn", lambda seconds: closest_dna(WINDOWS, WINDOWS, seconds=seconds)),
]
NAMES = [f"{name}-{i}" for i, (name, _) in enumerate(CALLERS)]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which all temporary folders are made."""
    folder = tmp_path / "places"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def stand_in(tmp_path: Path, places: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Shell scripts in place of all programs: `body` for the one named, and success without a word for the others."""

    def install(name: str, body: str) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        for program in PROGRAMS:
            (folder / program).write_text(f"#!/bin/sh\nPIDS={tmp_path}\n{body if program == name else 'exit 0'}\n")
            (folder / program).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        return tmp_path

    return install


def gone(pid_file: Path) -> bool:
    """Whether the process whose number is in the file has ended; waits up to five seconds for it."""
    state = Path(f"/proc/{pid_file.read_text().strip()}/stat")
    limit = time.monotonic() + 5
    while time.monotonic() < limit:
        try:
            if state.read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize(("name", "call"), CALLERS, ids=NAMES)
def test_an_absent_program_is_one_sentence_with_three_ways_to_install_it(
    name: str, call: Callable, places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput) as caught:
        call(5)
    words = str(caught.value)
    assert f"({PROGRAMS[name].title}) is not installed" in words
    assert f"apt install {PROGRAMS[name].apt}" in words
    assert (f"bioconda {PROGRAMS[name].conda}" in words) == bool(PROGRAMS[name].conda)
    assert (f"brew install {PROGRAMS[name].brew}" in words) == bool(PROGRAMS[name].brew)
    assert caught.value.exit_code == 2
    assert list(places.iterdir()) == []


@pytest.mark.parametrize(("name", "call"), CALLERS, ids=NAMES)
def test_a_failing_program_is_quoted_by_its_last_words(
    name: str, call: Callable, places: Path, stand_in: Callable[[str, str], Path]
) -> None:
    stand_in(name, "for i in 1 2 3 4 5 6 7 8; do echo line $i >&2; done; printf 'bad \\377 byte\\n\\n' >&2; exit 3")
    with pytest.raises(ResourceError) as caught:
        call(5)
    words = str(caught.value)
    assert words.startswith(name)
    assert "ended with status 3: line 5 | line 6 | line 7 | line 8 | bad � byte." in words
    assert "line 4" not in words
    assert caught.value.exit_code == 5
    assert list(places.iterdir()) == []


@pytest.mark.parametrize(("name", "call"), CALLERS, ids=NAMES)
def test_a_program_that_hangs_is_ended_with_its_children(
    name: str, call: Callable, places: Path, stand_in: Callable[[str, str], Path]
) -> None:
    pids = stand_in(name, "sleep 300 &\necho $! > $PIDS/child\necho $$ > $PIDS/program\nsleep 300")
    began = time.monotonic()
    with pytest.raises(ResourceError, match=rf"^{name}.* was not done after 0\.4 s\. Allow more with seconds="):
        call(0.4)
    assert time.monotonic() - began < 8
    assert gone(pids / "program")
    assert gone(pids / "child"), "a child of the program still runs"
    assert list(places.iterdir()) == []


def test_a_child_that_holds_the_output_does_not_make_us_wait(places: Path, stand_in: Callable[[str, str], Path]) -> None:
    pids = stand_in("mafft", "sleep 300 &\necho $! > $PIDS/child\necho done")
    began = time.monotonic()
    assert run_program("mafft", [], places, seconds=60) == "done\n"
    assert time.monotonic() - began < 20
    assert gone(pids / "child")


def test_an_interrupt_ends_the_program(places: Path, stand_in: Callable[[str, str], Path]) -> None:
    pids = stand_in("mmseqs", "echo $$ > $PIDS/program.part\nmv $PIDS/program.part $PIDS/program\nsleep 300")

    def interrupt() -> None:
        limit = time.monotonic() + 30
        while not (pids / "program").exists() and time.monotonic() < limit:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        closest(PROTEINS, PROTEINS, seconds=60)
    assert gone(pids / "program")
    assert list(places.iterdir()) == []


def test_a_search_that_writes_no_result_fails_in_words(stand_in: Callable[[str, str], Path]) -> None:
    stand_in("mmseqs", "exit 0")
    for call in (lambda: closest(PROTEINS, PROTEINS), lambda: closest_dna(WINDOWS, WINDOWS), lambda: cluster(PROTEINS)):
        with pytest.raises(ResourceError, match="wrote no result"):
            call()
