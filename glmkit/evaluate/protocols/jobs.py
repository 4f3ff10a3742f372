"""Jobs of a comparison, each one training with its scores, run one after another or over processes.

A job is one method, one seed and one fold. It draws nothing from a state that another job could have changed, so the order and the
number of processes change no result. Processes are used rather than threads because the global generators of NumPy and PyTorch, whose
seeds a method may set, belong to a process. They are joblib's, which serialises lambdas and closures too. A method is sent once a job,
so one that holds a large model runs better with a single worker.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any, NamedTuple

import numpy as np

from glmkit.errors import BadInput, ResourceError
from glmkit.evaluate.method import Method
from glmkit.evaluate.tasks.task import Fold, Task


class Entry(NamedTuple):  # numpydoc ignore=PR02
    """One method of a comparison with the seeds that it is run with.

    Parameters
    ----------
    method
        Model or baseline.
    kind
        ``"model"`` or ``"baseline"``.
    seeds
        Seeds of its trainings.
    """

    method: Method
    kind: str
    seeds: Sequence[int]


class Job(NamedTuple):  # numpydoc ignore=PR02
    """One training.

    Parameters
    ----------
    method
        Method that is trained.
    seed
        Seed of the training.
    folds
        One fold of each split; their training sides are equal.
    """

    method: Method
    seed: int
    folds: Sequence[Fold]


def run_jobs(task: Task, jobs: Sequence[Job], workers: int = 1) -> Iterator[tuple[list[np.ndarray], float]]:
    """Run jobs and yield their results in order.

    Parameters
    ----------
    task
        Task whose items are trained on and scored.
    jobs
        Jobs, in the order of the results.
    workers
        Number of processes, 1 or more; 1 runs all jobs in this process, -1 is one process for each core.

    Yields
    ------
    scores : list of numpy.ndarray
        Scores on the test side of each fold of the job.
    seconds : float
        CPU seconds of the job, including those of programs that it ran.

    Raises
    ------
    BadInput
        Fewer workers than 1 (other than -1), or scores of the wrong shape.
    ResourceError
        A worker process died.
    """
    if workers < 1 and workers != -1:
        raise BadInput(f"workers: expected 1 or more, or -1 for one a core, got {workers}.")
    if workers == 1 or len(jobs) < 2:
        yield from (_run(task, job) for job in jobs)
        return
    from joblib import Parallel, delayed

    results: Iterable[tuple[list[np.ndarray], float]] = Parallel(n_jobs=workers, return_as="generator")(
        delayed(_run)(task, job) for job in jobs
    )
    try:
        yield from results
    except BrokenProcessPool as error:
        raise ResourceError(
            f"A worker process of the comparison died, which happens when memory runs out. Use fewer workers (now {workers}), "
            "or workers=1 to see which method caused it."
        ) from error


def _run(task: Task, job: Job) -> tuple[list[np.ndarray], float]:
    """Scores on the test side of each fold after one training, and the CPU seconds it took."""
    began = cpu_seconds()
    test = [task.sequences[i] for fold in job.folds for i in fold.test]
    once = list(dict.fromkeys(test))  # test sets may overlap, and each item is scored once
    train = job.folds[0].train
    job.method.fit([task.sequences[i] for i in train], np.asarray(task.labels)[train], job.seed)
    got = job.method.score(once)
    got = checked_scores(task, f"{job.method.name}, seed {job.seed}", got, len(once))
    place = {item: i for i, item in enumerate(once)}
    parts = np.split(got[[place[item] for item in test]], np.cumsum([len(fold.test) for fold in job.folds])[:-1])
    return parts, cpu_seconds() - began


def checked_scores(task: Task, name: str, scores: Any, n: int) -> np.ndarray:
    """Scores as float64, with the shape checked.

    Parameters
    ----------
    task
        Task whose kind defines the shape.
    name
        Name of the method, for the message.
    scores
        Scores of the method, array-like.
    n
        Number of items scored.

    Returns
    -------
    numpy.ndarray
        Float64 (n,), or (n, columns).

    Raises
    ------
    BadInput
        Another shape.
    """
    got = np.asarray(scores, dtype=np.float64)
    columns = task.columns
    if got.shape != (n, *([len(columns)] if columns else [])):
        each = f" and {'class' if task.kind == 'multiclass' else 'output'} (of {len(columns)})" if columns else ""
        raise BadInput(f"{name}: expected one score for each of {n} test items{each}, got an array {got.shape}.")
    return got


def cpu_seconds() -> float:
    """CPU seconds of this process and of the programs that it has run."""
    return sum(os.times()[:4])
