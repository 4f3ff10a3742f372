"""``glmkit lab``: a real JupyterLab, its token, its GPU kernels, its end; and what happens when one of two servers dies."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from glmkit.errors import ResourceError
from glmkit.studies import lab
from glmkit.studies.kernels import gpu_leases, kernelspecs
from glmkit.studies.kernels.gpus import list_gpus
from glmkit.studies.kernels.kernelspecs import Settings


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with one simulated GPU and a Jupyter that knows nothing of this user's."""
    places = {f"JUPYTER_{kind}_DIR": str(tmp_path / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    places |= {"JUPYTER_PATH": str(tmp_path / "share/jupyter"), "IPYTHONDIR": str(tmp_path / "ipython")}
    places |= {"GLMKIT_TESTING": "1", "GLMKIT_FAKE_GPUS": "1", "GLMKIT_LEASES": str(tmp_path / "leases")}
    for name, value in places.items():
        monkeypatch.setenv(name, value)
    for name in ("CUDA_VISIBLE_DEVICES", "JUPYTER_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GLMKIT_WORKSPACE", str(tmp_path / "work space"))
    return tmp_path


@pytest.fixture
def running(machine: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["subprocess.Popen[str]"]:
    """``glmkit lab``, where the tracking server is one that runs elsewhere."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ada:secretword@127.0.0.1:9")
    words = [sys.executable, "-m", "glmkit.cli", "lab", "--no-browser", "--port", str(lab.free_port(0) or 0)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    yield process
    process.terminate()
    process.wait(30)


def ask(address: str, token: str = "", **content: Any) -> tuple[int, Any]:
    """Status and JSON of a request to the server; with `content` it is a POST."""
    request = urllib.request.Request(address, json.dumps(content).encode() if content else None)
    if token:
        request.add_header("Authorization", f"token {token}")
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"{}")


def test_lab_keeps_its_token_leases_gpus_and_leaves_nothing_behind(machine: Path, running: "subprocess.Popen[str]") -> None:
    kernelspecs.install(Settings(if_busy="fail"), machine)
    (gpu,) = list_gpus()
    assert running.stdout
    lines = [running.stdout.readline() for _ in range(3)]
    address, token = lines[0].split()[1].split("/lab?token=")
    assert len(token) == 48
    assert lines[1].split() == ["MLflow", "http://[hidden]@127.0.0.1:9"]

    assert ask(f"{address}/api/kernels")[0] == 403
    assert ask(f"{address}/api/kernels", token) == (200, [])
    family = psutil.Process(running.pid).children(recursive=True)
    assert token not in " ".join(word for process in family for word in process.cmdline())
    listening = {found.laddr.ip for process in family for found in process.net_connections("tcp") if found.status == "LISTEN"}
    assert listening == {"127.0.0.1"}

    assert ask(f"{address}/api/kernels", token, name="glmkit-gpu")[0] == 201
    (lease,) = gpu_leases.held([gpu])
    kernel = psutil.Process(lease.process["pid"])
    assert kernel.environ()["CUDA_VISIBLE_DEVICES"] == gpu.uuid
    status, reply = ask(f"{address}/api/sessions", token, kernel={"name": "glmkit-gpu"}, name="", path="a.ipynb", type="notebook")
    assert status == 500
    assert f"got no GPU: GPU 0 (simulated) is held by the kernel glmkit-gpu, pid {kernel.pid}" in reply["message"]

    running.send_signal(signal.SIGINT)
    assert running.wait(30) == 0
    assert psutil.wait_procs([*family, kernel], timeout=5)[1] == []
    assert gpu_leases.held([gpu]) == []


STAND_IN = "import socket, sys, time\nserver = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"


@pytest.fixture
def stand_ins(machine: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Two small servers instead of the real ones; the second ends by itself after a while. Their ports are noted."""
    (machine / "lasting.py").write_text(STAND_IN + "time.sleep(60)\n")
    (machine / "brief.py").write_text(STAND_IN + "time.sleep(0.5)\nsys.exit('the disk is full')\n")
    monkeypatch.setenv("PYTHONPATH", str(machine))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    ports: list[int] = []

    def start(name: str, port: int) -> lab.Server:
        ports.append(port)
        return lab._start(name, ["lasting" if name == "JupyterLab" else "brief", str(port)], port, {})

    monkeypatch.setattr(lab, "_start_jupyter", lambda token, port, browser: start("JupyterLab", port))
    monkeypatch.setattr(lab, "_start_mlflow", lambda uri, port: start("MLflow", port))
    return ports


def test_one_that_dies_takes_the_other_with_it(stand_ins: list[int]) -> None:
    with pytest.raises(ResourceError, match=r"MLflow ended by itself \(status 1\)\. End of .*brief.log: the disk is full"):
        lab.run_lab(lab.free_port(0), lab.free_port(0), browser=False)
    assert len(set(stand_ins)) == 2
    assert [lab._accepts(port) for port in stand_ins] == [False, False]


def test_a_guard_ends_what_it_guards_when_its_parent_is_killed(tmp_path: Path) -> None:
    """The guarded program ignores SIGTERM's meaning for its child, which is orphaned in the same session and must go too."""
    program = "import subprocess, time, pathlib\nchild = subprocess.Popen(['sleep', '60'])\n"
    program += f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid))\ntime.sleep(60)\n"
    starter = "import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-m', 'glmkit.studies.kernels.child_guard', *sys.argv[1:]])\ntime.sleep(60)\n"
    parent = subprocess.Popen([sys.executable, "-c", starter, sys.executable, "-c", program])
    deadline = time.monotonic() + 20
    while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    family = psutil.Process(parent.pid).children(recursive=True)
    assert len(family) == 3
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert psutil.wait_procs(family, timeout=8)[1] == []


def test_a_port_that_is_taken_is_not_used() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert lab.free_port(taken) != taken
    assert lab.free_port(taken) == taken
