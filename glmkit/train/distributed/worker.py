"""One process of a distributed run: ``python -m glmkit.train.distributed.worker JOB``, started by torch's elastic launcher.

It joins the process group over the loopback interface, or over the network between the nodes of a job, and runs its part of `fit`.
Results for the calling process are written to the job's folder: metrics, the result, the final weights, or the error. A process
whose launcher has ended stops itself, with a checkpoint if the current step can be finished.
"""

import json
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from glmkit.errors import GlmkitError
from glmkit.files import atomic_path, fault_point, read_json, write_json
from glmkit.models.formats import write_weights
from glmkit.train.distributed.ddp import ProcessGroup
from glmkit.train.distributed.job import read_model, read_task, tensors_of
from glmkit.train.loop._fit import fit_in_team
from glmkit.train.loop.config import TrainConfig

WATCH_SECONDS = 1.0
GRACE_SECONDS = 8.0  # time to finish the step and write a checkpoint after the calling process has ended


def main(folder: Path) -> None:
    """Run one process of the run described in a folder.

    Parameters
    ----------
    folder
        Folder of the job.
    """
    job, rank = read_json(folder / "job.json"), int(os.environ["RANK"])
    host = socket.gethostname()
    write_json(folder / f"rank-{rank}.json", {"pid": os.getpid(), "launcher": os.getppid(), "host": host})
    _watch(os.getppid(), job["asker"] if job["host"] == host else os.getppid())  # on another node, srun ends the launcher
    if (folder / "error.json").exists():  # a deterministic error occurs again after a restart
        sys.exit(read_json(folder / "error.json")["exit_code"])
    config = TrainConfig(**job["config"] | {"betas": tuple(job["config"]["betas"])})
    if config.device != "cpu":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    _join("gloo" if config.device == "cpu" else "nccl", timedelta(seconds=job["timeout"]))
    try:
        _train(folder, job, config, rank)
    except GlmkitError as error:
        about = {"kind": type(error).__name__, "text": str(error), "rank": rank, "exit_code": error.exit_code}
        if not (folder / "error.json").exists():
            write_json(folder / "error.json", about)
        sys.exit(error.exit_code)
    dist.destroy_process_group()


def _join(backend: str, timeout: timedelta) -> None:
    """Join the process group. Keys in the launcher's store, which persists over restarts, have a prefix for each attempt.

    Otherwise a process could read an address left by the previous attempt, and wait for it until the time limit.
    """
    store, rank, size = next(rendezvous("env://", timeout=timeout))
    store = dist.PrefixStore(f"attempt-{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=timeout)


def _train(folder: Path, job: dict[str, Any], config: TrainConfig, rank: int) -> None:
    attempt = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
    store, objective = read_task(job["task"])
    validation = read_task(job["validation"]) if job["validation"] else None
    model, team = read_model(folder / "model"), ProcessGroup(job["shard"])

    def log(step: int, **metrics: float) -> None:
        """Append a line of metrics for the calling process."""
        with open(folder / "metrics.jsonl", "a", encoding="utf-8") as lines:
            lines.write(json.dumps({"step": step, **metrics}) + "\n")

    def stop() -> bool:
        """Whether the calling process has requested the end of the run."""
        fault_point(f"rank{rank}.attempt{attempt}")
        return (folder / "stop").exists()

    resume = job["resume"] or attempt > 0
    result = fit_in_team(model, store, objective, config, team, log, resume, job["folder"], validation, stop)
    tensors = tensors_of(model)  # called in every process, because each can hold a shard
    if team.leads:
        with atomic_path(folder / "final.safetensors") as temporary:
            write_weights(temporary, tensors)
        values = {item.name: getattr(result, item.name) for item in fields(result) if item.name != "history"}
        write_json(folder / "result.json", values)


def _watch(launcher: int, asker: int) -> None:
    """Stop this process soon after its launcher or the calling process has ended."""

    def look() -> None:
        """Poll both processes; then send SIGTERM to this process, and exit after a grace period."""
        while os.getppid() == launcher and psutil.pid_exists(asker):
            time.sleep(WATCH_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_SECONDS)
        os._exit(143)

    threading.Thread(target=look, daemon=True).start()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
