"""``glmkit lab``: JupyterLab and the MLflow server, started and ended together, reachable from this machine only.

Both servers are bound to 127.0.0.1, and JupyterLab requires a token. Every user of the machine can read a command line. The token
and the database's address, which may contain a password, are therefore passed in the environment. Each server runs under a
guard (:mod:`glmkit.studies.kernels.child_guard`), so that it ends with this process even if this process is killed. If
``MLFLOW_TRACKING_URI`` names a server, its address is shown and no server is started.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glmkit.errors import ResourceError
from glmkit.files import disk_errors, workspace
from glmkit.studies.files.secrets import redact
from glmkit.studies.kernels import child_guard
from glmkit.studies.tracking.store import artifacts_beside, sqlite_file, store_uri

HOST = "127.0.0.1"
_START = 90.0  # seconds until a server must accept connections
_PAUSE = 0.2


@dataclass(frozen=True, kw_only=True)
class Server:  # numpydoc ignore=PR02
    """A started server.

    Parameters
    ----------
    name
        Name shown to users.
    port
        Port on 127.0.0.1.
    process
        Process of the server's guard.
    log
        File that receives the server's output.
    """

    name: str
    port: int
    process: "subprocess.Popen[bytes]"
    log: Path


def run_lab(port: int = 8888, mlflow_port: int = 5000, browser: bool = True) -> int:
    """Start JupyterLab and MLflow, print their addresses, wait for Ctrl-C, then end both.

    Parameters
    ----------
    port, mlflow_port
        Preferred ports of JupyterLab and MLflow; if a port is in use, another is chosen.
    browser
        Whether JupyterLab opens a browser.

    Returns
    -------
    int
        Exit code 0, after Ctrl-C or SIGTERM.

    Raises
    ------
    ResourceError
        A server did not start or ended by itself. The message quotes the end of its log; the other server is ended too.
    """
    token = os.environ.get("JUPYTER_TOKEN") or secrets.token_hex(24)
    servers: list[Server] = []
    with _signals() as signals:
        try:
            servers.append(_start_jupyter(token, free_port(port), browser))
            if (uri := store_uri()).startswith(("http://", "https://")):
                tracking = str(redact(uri))
            else:
                servers.append(_start_mlflow(uri, free_port(mlflow_port)))
                tracking = f"http://{HOST}:{servers[1].port}"
            if _until_all_accept(servers, signals):
                print(f"JupyterLab  http://{HOST}:{servers[0].port}/lab?token={token}\nMLflow      {tracking}")
                print(f"Ctrl-C ends the servers. Logs: {servers[0].log.parent}", flush=True)
            _until_one_ends(servers, signals)
        finally:
            _end(servers, signals)
    print("Ended.", flush=True)
    return 0


def free_port(wanted: int) -> int:
    """Return `wanted` if the port is free, else another free port.

    Parameters
    ----------
    wanted
        Port on 127.0.0.1.

    Returns
    -------
    int
        Free port on 127.0.0.1.

    Raises
    ------
    ResourceError
        No port is free.
    """
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ResourceError(f"No port is free on {HOST}. End some servers.")


def _start_mlflow(uri: str, port: int) -> Server:
    words = ["mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    variables = {"MLFLOW_BACKEND_STORE_URI": uri, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    if database := sqlite_file(uri):
        from glmkit.studies.tracking.runs import prepare_store

        if not database.exists():
            prepare_store()  # under glmkit's lock: the server's own migration would race with a starting run
        variables["MLFLOW_DEFAULT_ARTIFACT_ROOT"] = artifacts_beside(database).as_uri()
        words += ["--no-serve-artifacts"]
    else:
        words += ["--artifacts-destination", str(workspace() / "runs" / "mlartifacts")]
    return _start("MLflow", words, port, variables)


def _start_jupyter(token: str, port: int, browser: bool) -> Server:
    words = ["jupyterlab", f"--ServerApp.ip={HOST}", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    words += [f"--ServerApp.root_dir={workspace()}", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    words += ["--KernelManager.transport_encryption=auto"] if _can_encrypt() else []
    words += ["--LabApp.default_url=/lab/tree/notebooks"] if (workspace() / "notebooks").is_dir() else []
    words += [] if browser else ["--no-browser"]
    words += ["--allow-root"] if os.geteuid() == 0 else []  # as in most containers
    return _start("JupyterLab", words, port, {"JUPYTER_TOKEN": token})


def _can_encrypt() -> bool:
    """Whether messages between server and kernels can be encrypted; other users of the machine share 127.0.0.1."""
    import zmq

    return zmq.has("curve")


def _start(name: str, words: list[str], port: int, variables: dict[str, str]) -> Server:
    """Start a module with this Python under a guard."""
    log = workspace() / "runs" / ".lab" / f"{words[0]}.log"
    environment = {**os.environ, "GLMKIT_WORKSPACE": str(workspace()), "MLFLOW_DISABLE_TELEMETRY": "true", **variables}
    with disk_errors(log):
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")  # noqa: SIM115 (closed below)
    with file:
        command = [sys.executable, "-P", "-m", "glmkit.studies.kernels.child_guard", sys.executable, "-P", "-m", *words]
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
        )
    return Server(name=name, port=port, process=process, log=log)


def _until_all_accept(servers: list[Server], signals: list[int]) -> bool:
    """Wait until every server accepts connections; False if a signal came or a server ended before that."""
    deadline = time.monotonic() + _START
    for server in servers:
        while not _accepts(server.port):
            if signals or any(other.process.poll() is not None for other in servers):
                return False
            if time.monotonic() > deadline:
                raise ResourceError(f"{server.name} did not answer within {_START:g} s. {_log_end(server)}")
            time.sleep(_PAUSE)
    return True


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def _until_one_ends(servers: list[Server], signals: list[int]) -> None:
    while not signals:
        for server in servers:
            if server.process.poll() is not None:
                raise ResourceError(f"{server.name} ended by itself (status {server.process.returncode}). {_log_end(server)}")
        time.sleep(_PAUSE)


def _log_end(server: Server) -> str:
    lines = [line for line in server.log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return f"End of {server.log}: {' | '.join(str(redact(line)) for line in lines[-3:]) or '(empty)'}"


def _end(servers: list[Server], signals: list[int]) -> None:
    """Send each guard SIGTERM to end its server; a second Ctrl-C sends it again, which kills the server."""
    for server in servers:
        server.process.terminate()
    times, deadline = len(signals), time.monotonic() + child_guard.GRACE + 5
    while any(server.process.poll() is None for server in servers) and time.monotonic() < deadline:
        if len(signals) > max(times, 1):
            for server in servers:
                server.process.terminate()
            times = len(signals)
        time.sleep(_PAUSE)


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Record SIGINT and SIGTERM in a list instead of ending."""
    signals: list[int] = []

    def note(number: int, frame: Any) -> None:
        """Record the signal."""
        signals.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
