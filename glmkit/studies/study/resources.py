"""Resource requests of a stage: ``resources: {gpu: 1, cores: 8, memory: 16G, minutes: 120}`` in a study file.

The keys are a fixed, short list, so that a typing error is found before a job waits in a queue. Each key has one translation
into a resource of Snakemake's executors. On one machine, ``gpu`` and ``cores`` limit which stages run concurrently, and the other
keys are ignored. On a cluster, all of them are part of the job's request.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glmkit.studies.files.notebook_file import suggest

MARGIN_MINUTES = 10  # time of a job beyond the stage's own limit, so that it can write its record
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([MGT])(?:i?B)?")
_MB = {"M": 1, "G": 1000, "T": 1_000_000}
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.,:@+-]{0,99}")
_WHOLE = {"gpu": 0, "cores": 1, "nodes": 1, "minutes": 1}  # key to its minimum
_TEXTS = ("partition", "account", "constraint", "qos")
NAMES = (*_WHOLE, "memory", *_TEXTS)
_AS_SNAKEMAKE = {"minutes": "runtime", "partition": "slurm_partition", "account": "slurm_account"}


def read_resources(value: Any, stage: str, path: Path, problems: list[str]) -> dict[str, int | str]:
    """Check the ``resources:`` of a stage.

    Parameters
    ----------
    value
        Content of the key ``resources``, as read from YAML; None without that key.
    stage, path
        Name of the stage and study file, for the messages.
    problems
        List of messages; one is appended for each error found.

    Returns
    -------
    dict
        Valid entries of `value`. Memory is a text such as ``16G``, time is in whole minutes.
    """
    if value is None or value == {}:
        return {}
    where = f"{path}: {stage}.resources"
    if not isinstance(value, dict):
        problems.append(f"{where} must be written as '{{gpu: 1, memory: 16G, minutes: 120}}', got {value!r}.")
        return {}
    found: dict[str, int | str] = {}
    for name, amount in value.items():
        wrong = _wrong(str(name), amount)
        if wrong:
            problems.append(f"{where}.{name} {wrong}")
        else:
            found[str(name)] = amount
    if int(found.get("gpu", 0)) % int(found.get("nodes", 1)):
        problems.append(
            f"{where}: gpu: {found['gpu']} cannot be shared evenly by nodes: {found['nodes']}; it counts all nodes' GPUs."
        )
    return found


def gpus_a_node(resources: Mapping[str, int | str]) -> int:
    """Number of GPUs of a stage on each of its nodes."""
    return int(resources.get("gpu", 0)) // int(resources.get("nodes", 1))


def _wrong(name: str, amount: Any) -> str:
    """Error in one entry, as the end of a sentence; empty if the entry is valid."""
    if name not in NAMES:
        return f"is unknown.{suggest(name, list(NAMES))}"
    if name in _WHOLE:
        right = type(amount) is int and amount >= _WHOLE[name]
        return "" if right else f"must be a whole number of {_WHOLE[name]} or more, got {amount!r}."
    if name == "memory":
        right = isinstance(amount, str) and _SIZE.fullmatch(amount) is not None and megabytes(amount) > 0
        return "" if right else f"must be a size such as 16G or 900M, got {amount!r}."
    right = isinstance(amount, str) and _PLAIN.fullmatch(amount) is not None
    return "" if right else f"must be a plain name such as 'long', got {amount!r}."


def megabytes(size: str) -> int:
    """A size such as ``16G`` in megabytes (10^6 bytes)."""
    match = _SIZE.fullmatch(size)
    return int(float(match[1]) * _MB[match[2]]) if match else 0


def for_snakemake(resources: Mapping[str, int | str], minutes: float | None = None) -> dict[str, int | str]:
    """Translate the requests of a stage into resources of Snakemake; ``cores`` are excluded, because they become threads.

    Parameters
    ----------
    resources
        Requests, as returned by :func:`read_resources`.
    minutes
        Time limit of the stage in minutes; the job's time follows from it if ``resources`` give none.

    Returns
    -------
    dict
        Amounts by resource.

    Examples
    --------
    >>> for_snakemake({"gpu": 1, "cores": 8, "memory": "16G", "partition": "long"}, minutes=110)
    {'gpu': 1, 'mem_mb': 16000, 'slurm_partition': 'long', 'runtime': 120}
    """
    found: dict[str, int | str] = {}
    for name, amount in resources.items():
        if name == "memory":
            found["mem_mb"] = megabytes(str(amount))
        elif name != "cores":
            found[_AS_SNAKEMAKE.get(name, name)] = amount
    if resources.get("nodes", 1) != 1 and not resources.get("gpu"):
        found["tasks"] = resources["nodes"]  # Slurm assigns one node to a job of one task
    if minutes and "runtime" not in found:
        found["runtime"] = int(minutes + 0.999) + MARGIN_MINUTES
    return found
