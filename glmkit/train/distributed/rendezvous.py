"""Rendezvous of training processes on several nodes, from the environment variables of a Slurm job.

A stage with ``resources: {nodes: 4}`` runs its notebook on the first node of the job, with the names of all nodes in the
environment. The first node is the rendezvous of torch's launchers. The port depends on the job id, so that two jobs on one node
do not conflict. The launchers negotiate all other settings.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from glmkit.errors import BadInput

FIRST_PORT, PORTS = 20_000, 12_000  # below the ephemeral ports of Linux (32768 and up)
_PART = re.compile(r"([^\[\],]+)(?:\[([0-9,-]+)\])?([^\[\],]*)(?:,|$)")


@dataclass(frozen=True, kw_only=True)
class Rendezvous:  # numpydoc ignore=PR02
    """Nodes of a job and the address of their rendezvous.

    Parameters
    ----------
    nodes
        Names of the nodes; the first one hosts the rendezvous.
    port
        TCP port on the first node.
    job
        Slurm job id, used as the id of the rendezvous.
    """

    nodes: tuple[str, ...]
    port: int
    job: str

    @property
    def endpoint(self) -> str:
        """Address for torch's launcher, ``host:port``."""
        return f"{self.nodes[0]}:{self.port}"

    def share(self, ranks: int) -> int:
        """Number of processes per node, of `ranks` in total.

        Raises
        ------
        BadInput
            `ranks` that are not a multiple of the number of nodes.
        """
        if ranks % len(self.nodes):
            raise BadInput(
                f"ranks={ranks} processes cannot be divided evenly among the {len(self.nodes)} nodes of Slurm job {self.job}. "
                f"Set ranks to a multiple of {len(self.nodes)}."
            )
        return ranks // len(self.nodes)


def slurm_rendezvous(environment: Mapping[str, str] | None = None) -> Rendezvous | None:
    """Rendezvous of the Slurm job of this process; None outside a job and for a job on one node.

    Parameters
    ----------
    environment
        Environment variables; None for those of this process. Used are ``SLURM_JOB_ID``, ``SLURM_JOB_NODELIST`` (or
        ``SLURM_NODELIST``) and ``SLURM_JOB_NUM_NODES`` (or ``SLURM_NNODES``).

    Raises
    ------
    BadInput
        A list of nodes that cannot be parsed, or whose length differs from the number of nodes.
    """
    about = os.environ if environment is None else environment
    names = about.get("SLURM_JOB_NODELIST") or about.get("SLURM_NODELIST") or ""
    count = about.get("SLURM_JOB_NUM_NODES") or about.get("SLURM_NNODES") or "1"
    job = about.get("SLURM_JOB_ID") or ""
    if not job or not names or count == "1":
        return None
    nodes = expand(names)
    if not (job.isdecimal() and count.isdecimal()) or len(nodes) != int(count):
        raise BadInput(f"Slurm job {job!r}: expected {count!r} nodes, got {len(nodes)} names: {names!r}.")
    return Rendezvous(nodes=tuple(nodes), port=FIRST_PORT + int(job) % PORTS, job=job)


def expand(names: str) -> list[str]:
    """Expand Slurm's short form of host names: ``a[08-10,12],b`` is a08, a09, a10, a12, b.

    Raises
    ------
    BadInput
        A list of another form.
    """
    found: list[str] = []
    at = 0
    while at < len(names):
        part = _PART.match(names, at)
        if part is None:
            raise BadInput(f"The list of nodes {names!r} cannot be parsed from character {at + 1} onwards.")
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
            raise BadInput(f"Expected a range of node numbers such as 08-10, got {piece!r}.")
        found += [f"{number:0{len(first)}}" for number in range(int(first), int(last or first) + 1)]
    return found
