"""One process of a distributed run: ``python -m glmkit.train.distributed.worker JOB``, started by torch's elastic launcher.

It joins the others over the loopback interface, or the network between a job's nodes, takes its share of `fit`, and leaves what the asking process waits for in the
job's folder: lines of metrics, the result, the final weights, or the error. A process whose launcher is gone stops itself,
with a checkpoint if the step still ends.
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
from glmkit.train.distributed.ddp import Together
from glmkit.train.distributed.job import read_model, read_task, tensors_of
from glmkit.train.loop._fit import fit_in_team
from glmkit.train.loop.config import TrainConfig

WATCH_SECONDS = 1.0
GRACE_SECONDS = 8.0  # to end the step and write a checkpoint, once nobody waits for the result any more


def main(folder: Path) -> None:
    """Take part in the run that a job's folder describes.

    Parameters
    ----------
    folder
        The job's.
    """
    job, rank = read_json(folder / "job.json"), int(os.environ["RANK"])
    host = socket.gethostname()
    write_json(folder / f"rank-{rank}.json", {"pid": os.getpid(), "launcher": os.getppid(), "host": host})
    _watch(os.getppid(), job["asker"] if job["host"] == host else os.getppid())  # on another node, srun ends the launcher
    if (folder / "error.json").exists():  # an error that is no accident comes again: a restart does not help
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
    """Meet the others. Every attempt has names of its own in the launcher's store, which outlives a restart.

    Without that a process may find the address that one of the attempt before had left, and wait there in vain.
    """
    store, rank, size = next(rendezvous("env://", timeout=timeout))
    store = dist.PrefixStore(f"attempt-{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=timeout)


def _train(folder: Path, job: dict[str, Any], config: TrainConfig, rank: int) -> None:
    attempt = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
    store, objective = read_task(job["task"])
    validation = read_task(job["validation"]) if job["validation"] else None
    model, team = read_model(folder / "model"), Together(job["shard"])

    def log(step: int, **metrics: float) -> None:
        """Hand a line to the asking process."""
        with open(folder / "metrics.jsonl", "a", encoding="utf-8") as lines:
            lines.write(json.dumps({"step": step, **metrics}) + "\n")

    def stop() -> bool:
        """Whether the asking process wants the run to end."""
        fault_point(f"rank{rank}.attempt{attempt}")
        return (folder / "stop").exists()

    resume = job["resume"] or attempt > 0
    result = fit_in_team(model, store, objective, config, team, log, resume, job["folder"], validation, stop)
    tensors = tensors_of(model)  # asked of every process, for each may hold a part
    if team.leads:
        with atomic_path(folder / "final.safetensors") as temporary:
            write_weights(temporary, tensors)
        values = {item.name: getattr(result, item.name) for item in fields(result) if item.name != "history"}
        write_json(folder / "result.json", values)


def _watch(launcher: int, asker: int) -> None:
    """Stop this process soon after the one that started it, or the one that asked for the run, is gone."""

    def look() -> None:
        """Poll, then ask politely, then leave."""
        while os.getppid() == launcher and psutil.pid_exists(asker):
            time.sleep(WATCH_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_SECONDS)
        os._exit(143)

    threading.Thread(target=look, daemon=True).start()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
