"""``glmkit lab``: JupyterLab and MLflow's pages side by side, on this machine only, ended together.

Both are bound to 127.0.0.1, and JupyterLab asks for a token. The token and a database's address, which may hold a password, go
through the environment, because a command line can be read by every user of the machine. Each server runs below a guard
(:mod:`glmkit.studies.kernels.child_guard`), so that neither outlives this one, not even one that is killed. Where ``MLFLOW_TRACKING_URI``
names a server, that one is shown and none is started.
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
_START = 90.0  # seconds that a server may take until it answers
_PAUSE = 0.2


@dataclass(frozen=True, kw_only=True)
class Server:  # numpydoc ignore=PR02
    """A server that was started.

    Parameters
    ----------
    name
        As people call it.
    port
        Where it listens, on 127.0.0.1.
    process
        Its guard.
    log
        What it prints.
    """

    name: str
    port: int
    process: "subprocess.Popen[bytes]"
    log: Path


def run_lab(port: int = 8888, mlflow_port: int = 5000, browser: bool = True) -> int:
    """Start JupyterLab and MLflow, say where they are, and stay until Ctrl-C; then end both.

    Parameters
    ----------
    port, mlflow_port
        Where they listen; if a port is taken, another is chosen.
    browser
        Whether JupyterLab opens a browser.

    Returns
    -------
    int
        0 after Ctrl-C or SIGTERM, which is how this ends.

    Raises
    ------
    ResourceError
        One of the two did not start or ended by itself; its last words are in the message. The other has been ended too.
    """
    token = os.environ.get("JUPYTER_TOKEN") or secrets.token_hex(24)
    servers: list[Server] = []
    with _signals() as asked:
        try:
            servers.append(_start_jupyter(token, free_port(port), browser))
            if (uri := store_uri()).startswith(("http://", "https://")):
                tracking = str(redact(uri))
            else:
                servers.append(_start_mlflow(uri, free_port(mlflow_port)))
                tracking = f"http://{HOST}:{servers[1].port}"
            if _until_all_answer(servers, asked):
                print(f"JupyterLab  http://{HOST}:{servers[0].port}/lab?token={token}\nMLflow      {tracking}")
                print(f"Ctrl-C ends what was started here. What it prints goes to {servers[0].log.parent}", flush=True)
            _until_one_ends(servers, asked)
        finally:
            _end(servers, asked)
    print("Ended.", flush=True)
    return 0


def free_port(wanted: int) -> int:
    """`wanted` if nothing listens there, else a port that is free.

    Parameters
    ----------
    wanted
        A port on 127.0.0.1.

    Returns
    -------
    int
        The port.
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
            prepare_store()  # under our lock: the server's own migration would race with a run that starts
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
    words += ["--allow-root"] if os.geteuid() == 0 else []  # as in most containers; who may start this is root already
    return _start("JupyterLab", words, port, {"JUPYTER_TOKEN": token})


def _can_encrypt() -> bool:
    """Whether what a server and its kernels say to each other can be encrypted: other users of the machine share 127.0.0.1."""
    import zmq

    return zmq.has("curve")


def _start(name: str, words: list[str], port: int, variables: dict[str, str]) -> Server:
    """Start a module of this Python below a guard."""
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


def _until_all_answer(servers: list[Server], asked: list[int]) -> bool:
    """Wait until every server accepts connections; False if the end was asked for, or one ended, before that."""
    deadline = time.monotonic() + _START
    for server in servers:
        while not _answers(server.port):
            if asked or any(other.process.poll() is not None for other in servers):
                return False
            if time.monotonic() > deadline:
                raise ResourceError(f"{server.name} did not answer within {_START:g} s. {_last_words(server)}")
            time.sleep(_PAUSE)
    return True


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def _until_one_ends(servers: list[Server], asked: list[int]) -> None:
    while not asked:
        for server in servers:
            if server.process.poll() is not None:
                raise ResourceError(f"{server.name} ended by itself (status {server.process.returncode}). {_last_words(server)}")
        time.sleep(_PAUSE)


def _last_words(server: Server) -> str:
    lines = [line for line in server.log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return f"Its last words, from {server.log}: {' | '.join(str(redact(line)) for line in lines[-3:]) or 'none'}"


def _end(servers: list[Server], asked: list[int]) -> None:
    """Ask each guard to end its server; a second Ctrl-C asks again, which kills."""
    for server in servers:
        server.process.terminate()
    times, deadline = len(asked), time.monotonic() + child_guard.GRACE + 5
    while any(server.process.poll() is None for server in servers) and time.monotonic() < deadline:
        if len(asked) > max(times, 1):
            for server in servers:
                server.process.terminate()
            times = len(asked)
        time.sleep(_PAUSE)


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Note SIGINT and SIGTERM in a list instead of being ended by them."""
    asked: list[int] = []

    def note(number: int, frame: Any) -> None:
        """Note the signal."""
        asked.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
