"""What a stage needs of the machine that runs it: ``resources: {gpu: 1, cores: 8, memory: 16G, minutes: 120}`` in a study file.

The words are glmkit's own and few, so that a typing error is found before a job waits in a queue for a night; each has one
translation into what Snakemake's executors read. On one machine, ``gpu`` and ``cores`` limit which stages run side by side and
the others are not looked at; on a cluster, all of them are what the job asks for.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glmkit.studies.files.notebook_file import suggest

MARGIN_MINUTES = 10  # that a job is given beyond the stage's own limit, to write its record
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([MGT])(?:i?B)?")
_MB = {"M": 1, "G": 1000, "T": 1_000_000}
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.,:@+-]{0,99}")
_WHOLE = {"gpu": 0, "cores": 1, "nodes": 1, "minutes": 1}  # the least that each may be
_TEXTS = ("partition", "account", "constraint", "qos")
NAMES = (*_WHOLE, "memory", *_TEXTS)
_AS_SNAKEMAKE = {"minutes": "runtime", "partition": "slurm_partition", "account": "slurm_account"}


def read_resources(value: Any, stage: str, path: Path, problems: list[str]) -> dict[str, int | str]:
    """The ``resources:`` of a stage, checked.

    Parameters
    ----------
    value
        As it stands in the file; None if it does not.
    stage, path
        For the sentences: whose, and in which file.
    problems
        Gets a sentence for everything that is wrong.

    Returns
    -------
    dict
        As given; what was wrong is left out. Memory is a text such as ``16G``, time whole minutes.
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
    """How many GPUs a stage has on each of its nodes."""
    return int(resources.get("gpu", 0)) // int(resources.get("nodes", 1))


def _wrong(name: str, amount: Any) -> str:
    """What is wrong with one entry, as the end of a sentence; empty if nothing is."""
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
    """A size such as ``16G`` in megabytes (of 10^6 bytes)."""
    match = _SIZE.fullmatch(size)
    return int(float(match[1]) * _MB[match[2]]) if match else 0


def for_snakemake(resources: Mapping[str, int | str], minutes: float | None = None) -> dict[str, int | str]:
    """A stage's needs in the words of Snakemake's executors, but for ``cores``, which are a rule's threads.

    Parameters
    ----------
    resources
        From :func:`read_resources`.
    minutes
        The stage's own limit, from which a job's time follows where ``resources`` do not give it.

    Returns
    -------
    dict
        Such as ``{"gpu": 1, "mem_mb": 16000, "runtime": 120, "slurm_partition": "long"}``.
    """
    found: dict[str, int | str] = {}
    for name, amount in resources.items():
        if name == "memory":
            found["mem_mb"] = megabytes(str(amount))
        elif name != "cores":
            found[_AS_SNAKEMAKE.get(name, name)] = amount
    if resources.get("nodes", 1) != 1 and not resources.get("gpu"):
        found["tasks"] = resources["nodes"]  # Slurm gives a job of one task one node
    if minutes and "runtime" not in found:
        found["runtime"] = int(minutes + 0.999) + MARGIN_MINUTES
    return found
