"""A stand-in for Slurm on one machine: sbatch, squeue, sacct, scancel, srun, sinfo and scontrol in one file.

A job is a folder below ``$FAKE_SLURM`` with its request, its state and its pid; sbatch starts it at once, in a session of its own,
so that it outlives whoever submitted it, as a real one does. What real Slurm does with memory and nodes cannot be had, so a job whose
comment stands in ``$FAKE_SLURM/doom.json`` ends in the state that is written there, before its first command.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(os.environ.get("FAKE_SLURM", "/nowhere"))
LIVE = ("PENDING", "RUNNING", "COMPLETING")


def write(job: Path, **changes: object) -> dict:
    about = json.loads((job / "job.json").read_text()) if (job / "job.json").exists() else {}
    about |= changes
    (job / f"job.{os.getpid()}").write_text(json.dumps(about))
    os.replace(job / f"job.{os.getpid()}", job / "job.json")
    return about


def jobs() -> list[tuple[str, dict]]:
    return [(path.parent.name, json.loads(path.read_text())) for path in sorted(ROOT.glob("*/job.json"))]


def value(words: list[str], *names: str) -> str:
    for number, word in enumerate(words):
        for name in names:
            if word == name:
                return words[number + 1]
            if word.startswith(f"{name}="):
                return word.partition("=")[2]
    return ""


def sbatch(words: list[str]) -> int:
    if value(words, "-p") == "nowhere":
        print("sbatch: error: invalid partition specified: nowhere", file=sys.stderr)
        return 1
    number = 17
    while True:
        with contextlib.suppress(FileExistsError):
            (ROOT / str(number)).mkdir()
            break
        number += 1
    job = ROOT / str(number)
    (job / "script").write_text(Path("/dev/stdin").read_text())
    about = {
        "words": words,
        "name": value(words, "--job-name"),
        "comment": value(words, "--comment"),
        "folder": value(words, "-D"),
    }
    log = Path(about["folder"]) / value(words, "--output").replace("%j", str(number))
    write(job, **about, log=str(log), state="PENDING")
    with open(os.devnull, "r+b") as nothing:
        subprocess.Popen(
            [sys.executable, __file__, "start", str(number)],
            stdin=nothing,
            stdout=nothing,
            stderr=nothing,
            start_new_session=True,
        )
    print(number)
    return 0


def start(words: list[str]) -> int:
    """The job itself, which nobody waits for."""
    job = ROOT / words[0]
    about = json.loads((job / "job.json").read_text())
    doom = json.loads((ROOT / "doom.json").read_text()) if (ROOT / "doom.json").exists() else {}
    if state := doom.get(about["comment"]):
        Path(about["log"]).write_text("slurmstepd: error: Detected 1 oom_kill event in StepId=17.0.\n")
        write(job, state=state)
        return 1
    environment = {**os.environ, "SLURM_JOB_ID": words[0], "SLURM_JOB_NODELIST": "localhost", "SLURM_JOB_NUM_NODES": "1"}
    with open(about["log"], "ab") as log:
        child = subprocess.Popen(
            ["/bin/sh", str(job / "script")], cwd=about["folder"], env=environment, stdout=log, stderr=log, start_new_session=True
        )
    write(job, state="RUNNING", pid=child.pid)
    code = child.wait()
    if json.loads((job / "job.json").read_text())["state"] == "RUNNING":
        write(job, state="COMPLETED" if code == 0 else "FAILED")
    return 0


def scancel(words: list[str]) -> int:
    for number, about in jobs():
        if number in words and about["state"] in LIVE:
            write(ROOT / number, state="COMPLETING")
            with contextlib.suppress(KeyError, ProcessLookupError):
                os.killpg(about["pid"], signal.SIGTERM)
                for _ in range(100):
                    os.killpg(about["pid"], 0)
                    time.sleep(0.1)
                os.killpg(about["pid"], signal.SIGKILL)
            write(ROOT / number, state="CANCELLED")
    return 0


def squeue(words: list[str]) -> int:
    for number, about in jobs():
        if about["state"] in LIVE:
            print(number)
    return 0


def sacct(words: list[str]) -> int:
    for number, about in jobs():
        if about["name"] == value(words, "--name"):
            print(f"{number}|{about['state']}")
    return 0


def srun(words: list[str]) -> int:
    command = next(number for number, word in enumerate(words) if not word.startswith("-"))
    count = int(value(words, "--ntasks") or 1)
    tasks = [subprocess.Popen(words[command:], env={**os.environ, "SLURM_PROCID": str(rank)}) for rank in range(count)]
    return max(task.wait() for task in tasks)


def sinfo(words: list[str]) -> int:
    print("PARTITION\nshort*")
    return 0


def scontrol(words: list[str]) -> int:
    print("MinJobAge = 300 sec" if words[:1] == ["show"] and "config" in words else "localhost")
    return 0


def install(folder: Path) -> Path:
    """Put the programs into `folder`, to be set before all others on PATH."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("sbatch", "squeue", "sacct", "scancel", "srun", "sinfo", "scontrol"):
        (folder / name).write_text(f'#!/bin/sh\nexec {sys.executable} -S -E {__file__} {name} "$@"\n')
        (folder / name).chmod(0o755)
    return folder


if __name__ == "__main__":
    sys.exit(globals()[sys.argv[1]](sys.argv[2:]))
