"""Where the processes of one training meet when they sit on several nodes: read from what Slurm tells every job.

A stage that asks for ``resources: {nodes: 4}`` runs its notebook on the first node of the job, with the names of all nodes in the
environment. The first one is where torch's launchers meet; the port follows from the job's number, so that two jobs that share
a node do not meet each other. Everything but the names and that port is agreed on by the launchers themselves.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from glmkit.errors import BadInput

FIRST_PORT, PORTS = 20_000, 12_000  # below what Linux gives away by itself (32768 and up)
_PART = re.compile(r"([^\[\],]+)(?:\[([0-9,-]+)\])?([^\[\],]*)(?:,|$)")


@dataclass(frozen=True, kw_only=True)
class Rendezvous:  # numpydoc ignore=PR02
    """The nodes of a job and where their launchers meet.

    Parameters
    ----------
    nodes
        Their names; the first one keeps the meeting place.
    port
        On the first node.
    job
        The job's number, which tells one meeting from another.
    """

    nodes: tuple[str, ...]
    port: int
    job: str

    @property
    def endpoint(self) -> str:
        """``host:port``, for torch's launcher."""
        return f"{self.nodes[0]}:{self.port}"

    def share(self, ranks: int) -> int:
        """How many of `ranks` processes each node starts.

        Raises
        ------
        BadInput
            They cannot be shared out evenly.
        """
        if ranks % len(self.nodes):
            raise BadInput(
                f"ranks={ranks} processes cannot be shared evenly by the {len(self.nodes)} nodes of Slurm job {self.job}. "
                f"Set ranks to a multiple of {len(self.nodes)}."
            )
        return ranks // len(self.nodes)


def slurm_rendezvous(environment: Mapping[str, str] | None = None) -> Rendezvous | None:
    """The meeting place of the Slurm job that this process is part of; None outside of one and on one node.

    Parameters
    ----------
    environment
        Variables to read instead of this process's own: ``SLURM_JOB_ID``, ``SLURM_JOB_NODELIST`` (or ``SLURM_NODELIST``) and
        ``SLURM_JOB_NUM_NODES`` (or ``SLURM_NNODES``).

    Raises
    ------
    BadInput
        The list of nodes cannot be read, or has another length than Slurm says.
    """
    about = os.environ if environment is None else environment
    names = about.get("SLURM_JOB_NODELIST") or about.get("SLURM_NODELIST") or ""
    count = about.get("SLURM_JOB_NUM_NODES") or about.get("SLURM_NNODES") or "1"
    job = about.get("SLURM_JOB_ID") or ""
    if not job or not names or count == "1":
        return None
    nodes = expand(names)
    if not (job.isdecimal() and count.isdecimal()) or len(nodes) != int(count):
        raise BadInput(f"Slurm job {job!r} says {count!r} nodes and names {len(nodes)}: {names!r}.")
    return Rendezvous(nodes=tuple(nodes), port=FIRST_PORT + int(job) % PORTS, job=job)


def expand(names: str) -> list[str]:
    """Slurm's short form of host names, written out: ``a[08-10,12],b`` is a08, a09, a10, a12, b.

    Raises
    ------
    BadInput
        It has another form.
    """
    found: list[str] = []
    at = 0
    while at < len(names):
        part = _PART.match(names, at)
        if part is None:
            raise BadInput(f"The list of nodes {names!r} cannot be read from its character {at + 1} on.")
        before, numbers, after = part.groups()
        found += [f"{before}{number}{after}" for number in _numbers(numbers)] if numbers else [f"{before}{after}"]
        at = part.end()
    return found


def _numbers(text: str) -> list[str]:
    """``08-10,12`` as 08, 09, 10, 12."""
    found = []
    for piece in text.split(","):
        first, dash, last = piece.partition("-")
        if not first.isdecimal() or (dash and not (last.isdecimal() and int(last) >= int(first))):
            raise BadInput(f"{piece!r} is no range of node numbers.")
        found += [f"{number:0{len(first)}}" for number in range(int(first), int(last or first) + 1)]
    return found
