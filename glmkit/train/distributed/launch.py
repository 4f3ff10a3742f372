"""Training on several processes from a notebook's call: torch's elastic launcher, watched, with metrics coming back as they happen.

The run is described in a folder (see `glmkit.train.distributed.job`) and started as a program of its own, so a notebook's kernel never
forks while it holds threads or a GPU. Rendezvous and traffic stay on the loopback interface, unless the call is made inside a
Slurm job of several nodes: then `srun` starts one launcher on each, and they meet on the first (see `glmkit.train.distributed.rendezvous`);
the folder has to be one that all nodes see. A process that is killed takes the others down within seconds; the launcher starts all of them again from the newest checkpoint, `restarts` times. Collective
operations have a time limit, and a watch of our own ends everything if the launcher itself hangs (it has been seen to).
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
LOST_SECONDS = 45.0  # a process is gone and neither its successor nor the launcher's end has come
END_SECONDS = 20.0  # from asking the launcher to end to ending it


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
    """`fit` on several processes of this machine or Slurm job, one a GPU or CPU share; `model` ends with the trained weights.

    A step with `ranks` processes and ``config.accumulation`` A is that of one process with ``ranks * A``, up to the order of sums.

    Parameters
    ----------
    model, store, objective, config, log, resume, validation, stop
        As for `fit`; the objective is one of glmkit's own.
    folder
        Where ``checkpoints/`` go, and ``job/``, what the processes are told and say.
    ranks
        Processes, over all nodes. On GPUs as many as there are, at most.
    shard
        Spread weights, gradients and optimiser over the processes (``fully_shard``) instead of a copy in each: for a Transformer
        that is too large for one GPU. A pass that does not fit in memory then ends the run instead of being halved.
    restarts
        Times that all processes are started again, from the newest checkpoint, after one was lost.
    timeout
        Seconds that processes wait for each other in a step before they give up. Above the longest difference between two
        processes' shares of a step, and above the time that a checkpoint takes to write.

    Returns
    -------
    FitResult
        As of `fit`.

    Raises
    ------
    BadInput
        As for `fit`; or fewer than one process or more than GPUs are asked for, or as many as nodes cannot share evenly.
    ResourceError
        A process was lost for good, or as for `fit`.
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
        raise BadInput(f"ranks={ranks} processes need a GPU each, {has}. Set ranks={max(there * nodes, 1)}, or device='cpu'.")
    return "cuda"


def launch_words(job: Path, ranks: int, restarts: int, device: str, where: Rendezvous | None) -> list[str]:
    """The command that starts all processes of a run.

    Parameters
    ----------
    job
        The folder that describes it.
    ranks, restarts
        As for `fit_distributed`.
    device
        ``cpu`` or ``cuda``.
    where
        The nodes; None for this machine alone.
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
    """The launcher as a process group of its own; nothing of it is left when the block ends."""
    command = launch_words(job, ranks, restarts, device, where)
    here = where.share(ranks) if where else ranks
    threads = str(max(1, torch.get_num_threads() // here)) if device == "cpu" else "1"
    loopback = {} if where else {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}
    environment = os.environ | loopback | {"OMP_NUM_THREADS": threads}
    if where:
        environment.pop("CUDA_VISIBLE_DEVICES", None)  # this node's; Slurm says to each node's processes what is theirs
    with open(job / "launcher.log", "wb") as out:
        launcher = subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True)
    try:
        yield launcher
    finally:
        _end(launcher, job, ranks)


def _wait(launcher: subprocess.Popen[bytes], job: Path, ranks: int, log: Log | None, stop: Callable[[], bool]) -> None:
    """Until the launcher ends, or has lost a process without noticing."""
    told = _Lines(job / "metrics.jsonl", log)
    lost_since: float | None = None
    while launcher.poll() is None:
        told.pass_on()
        if not (job / "stop").exists() and stop():
            (job / "stop").touch()
        if any(not _alive(job / f"rank-{rank}.json") for rank in range(ranks)):
            lost_since = lost_since or time.monotonic()
            if time.monotonic() - lost_since > LOST_SECONDS:
                break
        else:
            lost_since = None
        time.sleep(POLL_SECONDS)
    told.pass_on()


class _Lines:
    """Lines of a growing file, each handed on once; a restart may write some of them again."""

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
    """Whether the process that wrote its number there is running; one that has not written yet, or elsewhere, counts as running."""
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
    """End the launcher and every process that it started, politely first."""
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
                continue  # srun ends those
            try:
                process = psutil.Process(about["pid"])
                if process.ppid() in {about["launcher"], 1} and str(job.resolve()) in process.cmdline():
                    children.append(process)
            except psutil.NoSuchProcess:
                continue
    for child in children:
        try:
            os.killpg(child.pid, signal.SIGKILL)  # each is the leader of a group
        except ProcessLookupError:
            continue
    psutil.wait_procs(children, timeout=5)


def _failure(job: Path, code: int | None, ranks: int) -> GlmkitError:
    """What a process said before it ended, or how it was ended."""
    if (job / "error.json").exists():
        about = read_json(job / "error.json")
        error = getattr(errors, about["kind"])(about["text"])
        error.add_note(f"said by process {about['rank']} of {ranks}")
        return error
    report = (job / "launcher.log").read_text(encoding="utf-8", errors="replace")
    killed = re.findall(r"exitcode\s*:\s*(-\d+)", report)
    said = [text for path in sorted(job.glob("logs/**/stderr.log")) if (text := _tail(path))]
    how = f"was killed by {signal.Signals(-int(killed[0])).name}; often memory had run out" if killed else "failed"
    words = [f"One of {ranks} training processes {how}, and the others ended with it.", *said[-1:]]
    words += ["The same call goes on from the newest checkpoint.", f"Logs: {job / 'logs'}."]
    return ResourceError(" ".join(words))


def _tail(path: Path) -> str:
    lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return f"Its last line: {lines[-1][:300]!r}." if lines else ""
