"""Training in several processes from one function call, by torch's elastic launcher, with live metrics.

The run is described in a folder (see `glmkit.train.distributed.job`) and started as a separate program. A notebook's kernel
therefore does not fork while it uses threads or a GPU. Communication is restricted to the loopback interface, except in a Slurm job
of several nodes. There, `srun` starts one launcher per node, and the launchers meet on the first node (see
`glmkit.train.distributed.rendezvous`); the folder must be visible to all nodes. If a process is killed, the others end within
seconds, and the launcher restarts all of them from the newest checkpoint, up to `restarts` times. Collective operations have a
time limit. A watchdog ends all processes if the launcher itself hangs, which has been observed.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import torch

from glmkit import errors
from glmkit.errors import BadInput, GlmkitError, ResourceError
from glmkit.files import atomic_folder, exclusive, read_json, write_json
from glmkit.models.formats import read_weights
from glmkit.train.distributed.job import fill, write_model, write_task
from glmkit.train.distributed.rendezvous import Rendezvous, slurm_rendezvous
from glmkit.train.loop._fit import FitResult
from glmkit.train.loop.config import TrainConfig
from glmkit.train.loop.history import Log
from glmkit.train.loop.signals import held_signals

POLL_SECONDS = 0.2
LOST_SECONDS = 45.0  # limit after the loss of a process without a restart or an end of the launcher
END_SECONDS = 20.0  # time between SIGTERM and SIGKILL for the launcher


def fit_distributed(
    model: Any,
    store: Any,
    objective: Any,
    config: TrainConfig,
    *,
    folder: str | Path,
    ranks: int,
    shard: bool = False,
    log: Log | None = None,
    resume: bool = True,
    validation: Any = None,
    stop: Callable[[], bool] | None = None,
    restarts: int = 1,
    timeout: float = 50.0,
) -> FitResult:
    """Run `fit` in several processes of this machine or Slurm job; `model` receives the trained weights.

    Each process uses one GPU or a share of the CPU. A step with `ranks` processes and ``config.accumulation`` A equals that of one
    process with ``ranks * A``, up to the order of sums.

    Parameters
    ----------
    model, store, objective, config, log, resume, validation, stop
        As for `fit`; the objective must be one of glmkit.
    folder
        Folder for ``checkpoints/``, and for ``job/`` with inputs and outputs of the processes.
    ranks
        Number of processes over all nodes; at most the number of GPUs, if these are used.
    shard
        Whether to shard weights, gradients and optimiser over the processes (``fully_shard``) instead of replicating them, for a
        Transformer that is too large for one GPU. A micro-batch that exceeds the memory then ends the run instead of being split.
    restarts
        Maximum number of restarts of all processes from the newest checkpoint after the loss of a process.
    timeout
        Time limit of collective operations in seconds. It must exceed the largest difference between the processes' times per
        step, and the time to write a checkpoint.

    Returns
    -------
    FitResult
        As for `fit`.

    Raises
    ------
    BadInput
        As for `fit`; or `ranks` below 1, above the number of GPUs, or not a multiple of the number of nodes.
    ResourceError
        A process lost after all restarts, or as for `fit`.
    """
    where = slurm_rendezvous()
    device = _device(config, ranks, where)
    for value, name, least in ((restarts, "restarts", 0), (timeout, "timeout", 1)):
        if not value >= least:
            raise BadInput(f"{name} must be {least} or more, got {value!r}.")
    objective.check(model, store)
    held = (validation if isinstance(validation, tuple) else (validation, objective)) if validation is not None else None
    place = Path(folder)
    with exclusive(place / ".launch.lock"):
        with atomic_folder(place / "job") as job:
            write_model(model, job / "model")
        job = place / "job"
        (job / "train").mkdir()
        (job / "held").mkdir()
        description = {
            "task": write_task(store, objective, job / "train"),
            "validation": write_task(held[0], held[1], job / "held") if held else None,
            "config": asdict(config) | {"device": device},
            "folder": str(place.resolve()),
            "resume": resume,
            "shard": shard,
            "timeout": timeout,
            "asker": os.getpid(),
            "host": socket.gethostname(),
        }
        write_json(job / "job.json", description)
        with held_signals() as signalled, _launched(job, ranks, restarts, device, where) as launcher:
            _wait(launcher, job, ranks, log, lambda: signalled() or (stop is not None and stop()))
        if launcher.returncode != 0 or not (job / "result.json").exists():
            raise _failure(job, launcher.returncode, ranks)
        fill(model, read_weights(job / "final.safetensors"))
    model.eval()
    rows = [json.loads(line) for line in (place / "checkpoints" / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    return FitResult(**read_json(job / "result.json"), history=pd.DataFrame(rows, columns=None if rows else ["step"]))


def _device(config: TrainConfig, ranks: int, where: Rendezvous | None) -> str:
    if isinstance(ranks, bool) or not isinstance(ranks, int) or ranks < 1:
        raise BadInput(f"ranks must be a whole number of 1 or more, got {ranks!r}.")
    there = torch.cuda.device_count()
    if config.device == "cpu" or (config.device == "auto" and there == 0):
        return "cpu"
    nodes = len(where.nodes) if where else 1
    if ranks > there * nodes:
        has = f"this machine has {there}" if nodes == 1 else f"{nodes} nodes with {there} each have {there * nodes}"
        raise BadInput(
            f"ranks={ranks} processes need one GPU each, but {has}. Set ranks={max(there * nodes, 1)}, or device='cpu'."
        )
    return "cuda"


def launch_words(job: Path, ranks: int, restarts: int, device: str, where: Rendezvous | None) -> list[str]:
    """Command line that starts all processes of a run.

    Parameters
    ----------
    job
        Folder that describes the run.
    ranks, restarts
        As for `fit_distributed`.
    device
        ``cpu`` or ``cuda``.
    where
        Nodes of the Slurm job; None for this machine alone.
    """
    words = [sys.executable, "-m", "torch.distributed.run", "--rdzv-backend=c10d", "--monitor-interval=0.5"]
    if where is None:
        words += ["--nnodes=1", f"--nproc-per-node={ranks}", "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1"]
    else:
        nodes, each = len(where.nodes), where.share(ranks)
        step = ["srun", "--overlap", f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1", "--kill-on-bad-exit=1"]
        step += [f"--gpus-per-node={each}"] if device == "cuda" else []
        words = [*step, *words, f"--nnodes={nodes}", f"--nproc-per-node={each}"]
        words += [f"--rdzv-endpoint={where.endpoint}", f"--rdzv-id=glmkit-{where.job}"]
    words += [f"--max-restarts={restarts}", "--shutdown-timeout=10", f"--log-dir={job / 'logs'}", "--redirects=3"]
    return [*words, "--module", "glmkit.train.distributed.worker", str(job.resolve())]


@contextmanager
def _launched(job: Path, ranks: int, restarts: int, device: str, where: Rendezvous | None) -> Iterator[subprocess.Popen[bytes]]:
    """Context with the launcher in a separate process group; all its processes are ended afterwards."""
    command = launch_words(job, ranks, restarts, device, where)
    here = where.share(ranks) if where else ranks
    threads = str(max(1, torch.get_num_threads() // here)) if device == "cpu" else "1"
    loopback = {} if where else {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}
    environment = os.environ | loopback | {"OMP_NUM_THREADS": threads}
    if where:
        environment.pop("CUDA_VISIBLE_DEVICES", None)  # that of this node; Slurm sets it on each node
    with open(job / "launcher.log", "wb") as out:
        launcher = subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True)
    try:
        yield launcher
    finally:
        _end(launcher, job, ranks)


def _wait(launcher: subprocess.Popen[bytes], job: Path, ranks: int, log: Log | None, stop: Callable[[], bool]) -> None:
    """Wait until the launcher ends, or a process has been lost for `LOST_SECONDS` without a restart."""
    lines = _Lines(job / "metrics.jsonl", log)
    lost_since: float | None = None
    while launcher.poll() is None:
        lines.pass_on()
        if not (job / "stop").exists() and stop():
            (job / "stop").touch()
        if any(not _alive(job / f"rank-{rank}.json") for rank in range(ranks)):
            lost_since = lost_since or time.monotonic()
            if time.monotonic() - lost_since > LOST_SECONDS:
                break
        else:
            lost_since = None
        time.sleep(POLL_SECONDS)
    lines.pass_on()


class _Lines:
    """Reader of a growing file of metrics; each line is logged once, as a restart can repeat lines."""

    def __init__(self, path: Path, log: Log | None) -> None:
        self.path, self.log = path, log
        self._read = 0
        self._seen: set[tuple[int, ...]] = set()

    def pass_on(self) -> None:
        if self.log is None or not self.path.exists():
            return
        with open(self.path, "rb") as file:
            file.seek(self._read)
            fresh = file.read()
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            metrics = json.loads(line)
            step = metrics.pop("step")
            key = (step, *sorted(map(hash, metrics)))
            if key not in self._seen:
                self._seen.add(key)
                self.log(step, **metrics)


def _alive(path: Path) -> bool:
    """Whether the process whose id is in a file is running; processes without a file or on other nodes count as running."""
    if not path.exists():
        return True
    about = read_json(path)
    if about["host"] != socket.gethostname():
        return True
    try:
        return psutil.Process(about["pid"]).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _end(launcher: subprocess.Popen[bytes], job: Path, ranks: int) -> None:
    """End the launcher (SIGTERM, then SIGKILL) and every process that it started."""
    try:
        children = psutil.Process(launcher.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    if launcher.poll() is None:
        launcher.terminate()
        try:
            launcher.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            launcher.kill()
            launcher.wait()
    for rank in range(ranks):
        path = job / f"rank-{rank}.json"
        if path.exists():
            about = read_json(path)
            if about["host"] != socket.gethostname():
                continue  # srun ends processes on other nodes
            try:
                process = psutil.Process(about["pid"])
                if process.ppid() in {about["launcher"], 1} and str(job.resolve()) in process.cmdline():
                    children.append(process)
            except psutil.NoSuchProcess:
                continue
    for child in children:
        try:
            os.killpg(child.pid, signal.SIGKILL)  # each process leads a process group
        except ProcessLookupError:
            continue
    psutil.wait_procs(children, timeout=5)


def _failure(job: Path, code: int | None, ranks: int) -> GlmkitError:
    """Error reported by a process, or an error that describes how a process ended."""
    if (job / "error.json").exists():
        about = read_json(job / "error.json")
        error = getattr(errors, about["kind"])(about["text"])
        error.add_note(f"reported by process {about['rank']} of {ranks}")
        return error
    report = (job / "launcher.log").read_text(encoding="utf-8", errors="replace")
    killed = re.findall(r"exitcode\s*:\s*(-\d+)", report)
    said = [text for path in sorted(job.glob("logs/**/stderr.log")) if (text := _tail(path))]
    how = f"was killed by {signal.Signals(-int(killed[0])).name}; often memory had run out" if killed else "failed"
    words = [f"One of {ranks} training processes {how}, and the others ended with it.", *said[-1:]]
    words += ["The same call resumes from the newest checkpoint.", f"Logs: {job / 'logs'}."]
    return ResourceError(" ".join(words))


def _tail(path: Path) -> str:
    lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return f"Its last line: {lines[-1][:300]!r}." if lines else ""
