"""PostgreSQL as MLflow's store: eight runs at once on a fresh database, and a server that is gone."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from glmkit.studies.tracking import runs, store
from tests.faults.test_tracking_faults import EIGHT_RUNS, start

pytest.importorskip("psycopg", reason="needs the extra postgres (pip install 'glmkit[postgres]')")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a fresh server on a socket in a folder of its own, which only its user reaches."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("needs a PostgreSQL server (apt install postgresql)")
    home = Path(tempfile.mkdtemp(prefix="glmkit-pg-", dir="/tmp"))
    who: dict[str, Any] = {}
    if os.getuid() == 0:  # the server refuses to run as root
        user = pwd.getpwnam("postgres")
        os.chown(home, user.pw_uid, user.pw_gid)
        who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    home.chmod(0o755)
    data, programs = str(home / "data"), found[-1].parent

    def call(name: str, *words: str) -> None:
        subprocess.run([programs / name, *words], cwd=home, check=True, timeout=60, stdout=subprocess.DEVNULL, **who)

    try:
        call("initdb", "--pgdata", data, "--username", "glmkit", "--auth", "trust", "--no-sync", "--encoding", "UTF8")
        options = f"-c listen_addresses='' -c unix_socket_directories={home} -c fsync=off"
        call("pg_ctl", "-D", data, "-w", "-l", str(home / "log"), "-o", options, "start")
        try:
            yield f"postgresql://glmkit@/postgres?host={home}"
        finally:
            call("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GLMKIT_WORKSPACE", str(tmp_path))
    for name in ("GLMKIT_STAGE_FOLDER", "GLMKIT_MLFLOW_RUN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(store, "_said", set())
    return tmp_path


@pytest.mark.long
def test_eight_runs_at_once_on_a_fresh_server(server: str, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import psycopg

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    running = start(EIGHT_RUNS)
    said = running.communicate(timeout=250)
    assert (running.returncode, said) == (0, ("", ""))
    with psycopg.connect(server) as connection:

        def query(words: str) -> list[Any]:
            return connection.execute(words).fetchall()

        assert query("SELECT status, count(*) FROM runs GROUP BY status") == [("FINISHED", 16)]
        counts = query(
            "SELECT p.value, m.key, count(*) FROM metrics m JOIN params p USING (run_uuid) WHERE m.key IN ('loss', 'number') GROUP BY 1, 2 ORDER BY 1, 2"
        )
        assert counts == [(str(number), name, 30) for number in range(8) for name in ("loss", "number")]
        places = {place for (place,) in query("SELECT artifact_location FROM experiments")}
    assert all(place.startswith(f"{workspace.as_uri()}/runs/mlartifacts") for place in places)  # never the current folder


def test_a_server_that_is_gone_is_said_once_and_ends_nothing(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"postgresql://me:hunter22@/runs?host={workspace}")
    monkeypatch.setattr(store.logger, "propagate", True)
    assert runs.prepare_store() == ""
    assert runs.open_parent("toy", workspace / "runs/toy") == ""
    (said,) = (entry.getMessage() for entry in caplog.records if entry.name == "glmkit.tracking")
    assert said.startswith("MLflow could not set up the tracking store (")
    assert "The run goes on; run.json and metrics.jsonl are complete." in said
    assert "hunter22" not in said
