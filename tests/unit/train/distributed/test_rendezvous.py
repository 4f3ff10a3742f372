"""Where processes on several nodes meet, from Slurm's variables: arithmetic, no cluster."""

import sys
from pathlib import Path

import pytest

from glmkit.errors import BadInput
from glmkit.train import Rendezvous, slurm_rendezvous
from glmkit.train.distributed.launch import launch_words
from glmkit.train.distributed.rendezvous import FIRST_PORT, PORTS, expand

SLURM = {"SLURM_JOB_ID": "4711", "SLURM_JOB_NODELIST": "gpu[07-09]", "SLURM_JOB_NUM_NODES": "3"}


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("node1", ["node1"]),
        ("a[08-10,12],b", ["a08", "a09", "a10", "a12", "b"]),
        ("rack2-n[9-11]-ib", ["rack2-n9-ib", "rack2-n10-ib", "rack2-n11-ib"]),
    ],
)
def test_short_names_of_nodes(short: str, long: list[str]) -> None:
    assert expand(short) == long


def test_the_first_node_is_where_they_meet() -> None:
    where = slurm_rendezvous(SLURM)
    assert where == Rendezvous(nodes=("gpu07", "gpu08", "gpu09"), port=FIRST_PORT + 4711, job="4711")
    assert where.endpoint == f"gpu07:{FIRST_PORT + 4711}"
    assert where.share(12) == 4
    old = {"SLURM_JOB_ID": str(PORTS + 5), "SLURM_NODELIST": "a,b", "SLURM_NNODES": "2"}
    assert slurm_rendezvous(old).port == FIRST_PORT + 5


def test_no_meeting_outside_a_job_or_on_one_node() -> None:
    assert slurm_rendezvous({}) is None
    assert slurm_rendezvous(SLURM | {"SLURM_JOB_NODELIST": "gpu07", "SLURM_JOB_NUM_NODES": "1"}) is None


def test_what_cannot_be_is_refused_in_words() -> None:
    with pytest.raises(BadInput, match=r"expected '4' nodes, got 3 names: 'gpu\[07-09\]'"):
        slurm_rendezvous(SLURM | {"SLURM_JOB_NUM_NODES": "4"})
    with pytest.raises(BadInput, match="cannot be parsed from character 5 onwards"):
        expand("a,b,[3]")
    with pytest.raises(BadInput, match="Expected a range of node numbers such as 08-10, got '9-7'"):
        expand("a[9-7]")
    with pytest.raises(BadInput, match=r"ranks=8 .* among the 3 nodes of Slurm job 4711. Set ranks to a multiple of 3"):
        slurm_rendezvous(SLURM).share(8)


def test_one_launcher_a_node_with_its_share_of_processes(tmp_path: Path) -> None:
    words = launch_words(tmp_path, 12, 2, "cuda", slurm_rendezvous(SLURM))
    assert words[:7] == [
        "srun",
        "--overlap",
        "--nodes=3",
        "--ntasks=3",
        "--ntasks-per-node=1",
        "--kill-on-bad-exit=1",
        "--gpus-per-node=4",
    ]
    assert {"--nnodes=3", "--nproc-per-node=4", f"--rdzv-endpoint=gpu07:{FIRST_PORT + 4711}", "--rdzv-id=glmkit-4711"} <= set(
        words
    )
    alone = launch_words(tmp_path, 12, 2, "cpu", None)
    assert alone[0] == sys.executable
    assert {"--nnodes=1", "--nproc-per-node=12", "--local-addr=127.0.0.1"} <= set(alone)
