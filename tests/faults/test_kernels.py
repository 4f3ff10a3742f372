"""Kernels and GPUs: real kernels on simulated devices. Two want one GPU; one is killed; the machine has none; memory runs out.

Covers ``glmkit.studies.kernels.kernel``, ``glmkit.studies.kernels.provisioner``.
"""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nbformat
import papermill
import psutil
import pytest
from jupyter_client import AsyncKernelManager

from glmkit.errors import BadInput, ResourceError, Terminated
from glmkit.studies.kernels import gpu_leases, kernelspecs
from glmkit.studies.kernels.gpus import list_gpus
from glmkit.studies.kernels.kernelspecs import Settings
from glmkit.studies.run import job, snakefile
from glmkit.studies.study.plan import Plan, make_plan
from glmkit.studies.study.study_file import load_study
from tests.faults.notebooks import toy


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with one simulated GPU, leases of its own, and an environment to install kernels into."""
    monkeypatch.setenv("GLMKIT_TESTING", "1")
    monkeypatch.setenv("GLMKIT_FAKE_GPUS", "1")
    monkeypatch.setenv("GLMKIT_LEASES", str(tmp_path / "leases"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share/jupyter"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path


@asynccontextmanager
async def kernels(*names: str) -> AsyncIterator[list[AsyncKernelManager]]:
    """Managers for kernels, none of which is left at the end."""
    managers = [AsyncKernelManager(kernel_name=name) for name in names]
    try:
        yield managers
    finally:
        for manager in managers:
            if manager.has_kernel:
                await manager.shutdown_kernel(now=True)


def sees(manager: AsyncKernelManager) -> str:
    """What the kernel's CUDA_VISIBLE_DEVICES is."""
    return psutil.Process(manager.provisioner.process.pid).environ()["CUDA_VISIBLE_DEVICES"]


def test_the_second_kernel_waits_until_the_first_is_killed(machine: Path) -> None:
    assert kernelspecs.install(prefix=machine) == ["glmkit-cpu", "glmkit-gpu", "glmkit-gpu0"]
    (gpu,) = list_gpus()

    async def play() -> None:
        async with kernels("glmkit-gpu", "glmkit-gpu0", "glmkit-cpu") as (first, second, on_cpu):
            await first.start_kernel()
            await on_cpu.start_kernel()
            assert (sees(first), sees(on_cpu)) == (gpu.uuid, "")
            (lease,) = gpu_leases.held([gpu])
            assert lease.process["pid"] == first.provisioner.process.pid
            assert "kernel glmkit-gpu, pid" in kernelspecs.describe(machine)

            waiting = asyncio.ensure_future(second.start_kernel())
            await asyncio.sleep(1.2)
            assert not waiting.done()
            assert not second.has_kernel

            os.kill(first.provisioner.process.pid, signal.SIGKILL)
            await asyncio.wait_for(waiting, 10)
            assert sees(second) == gpu.uuid
            assert gpu_leases.held([gpu])[0].process["pid"] == second.provisioner.process.pid
            await first.shutdown_kernel(now=True)
            assert gpu_leases.held([gpu])[0].holder == "glmkit-gpu0", "the dead kernel's end frees nobody else's lease"

            await second.restart_kernel(now=True)
            assert sees(second) == gpu.uuid
            assert gpu_leases.held([gpu])[0].process["pid"] == second.provisioner.process.pid
        assert gpu_leases.held([gpu]) == []
        assert list((machine / "leases").glob("*.json")) == []

    asyncio.run(play())


def test_the_second_kernel_gets_the_cpu_or_fails_as_asked(machine: Path) -> None:
    (gpu,) = list_gpus()

    async def play() -> None:
        async with kernels("glmkit-gpu", "glmkit-gpu", "glmkit-gpu", "glmkit-gpu") as (first, second, third, fourth):
            kernelspecs.install(Settings(if_busy="cpu"), machine)
            await first.start_kernel()
            await second.start_kernel()
            assert (sees(first), sees(second)) == (gpu.uuid, "")
            pid = first.provisioner.process.pid

            kernelspecs.install(Settings(if_busy="fail"), machine)
            with pytest.raises(
                ResourceError, match=rf"got no GPU: GPU 0 .simulated. is held by the kernel glmkit-gpu, pid {pid}"
            ):
                await third.start_kernel()

            kernelspecs.install(Settings(wait_seconds=0.6), machine)
            with pytest.raises(ResourceError, match=r"got no GPU after 0.6 s of waiting: .* choose glmkit-cpu"):
                await fourth.start_kernel()

    asyncio.run(play())


def test_a_lease_stands_while_something_that_the_kernel_started_lives(machine: Path) -> None:
    (gpu,) = list_gpus()
    kernel = subprocess.Popen(["sleep", "60"])
    taken = gpu_leases.take([gpu], "glmkit-gpu")
    worker = subprocess.Popen(["sleep", "60"], env={**os.environ, gpu_leases.TOKEN: taken[0].token}, start_new_session=True)
    try:
        taken = gpu_leases.hand_over(taken, kernel.pid)
        assert [lease.process["pid"] for lease in gpu_leases.held([gpu])] == [kernel.pid]
        kernel.kill()
        kernel.wait()
        assert gpu_leases.take([gpu], "next") == []
        gpu_leases.release(taken)
        assert gpu_leases.held([gpu])[0].process["pid"] == worker.pid
        worker.kill()
        worker.wait()
        assert gpu_leases.held([gpu]) == []
        assert [lease.holder for lease in gpu_leases.take([gpu], "next")] == ["next"]
        assert gpu_leases.hand_over(taken) == [], "a lease that went to another does not come back"
    finally:
        kernel.kill()
        worker.kill()


def test_a_kernel_within_a_leased_kernel_shares_its_gpu(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernelspecs.install(Settings(if_busy="fail"), machine)
    (gpu,) = list_gpus()
    mine = gpu_leases.take([gpu], "the outer kernel")
    monkeypatch.setenv(gpu_leases.TOKEN, mine[0].token)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpu.uuid)

    async def play() -> None:
        async with kernels("glmkit-gpu", "glmkit-cpu") as (inner, on_cpu):
            await inner.start_kernel()
            await on_cpu.start_kernel()
            assert (sees(inner), sees(on_cpu)) == (gpu.uuid, "")
        assert gpu_leases.held([gpu]) == mine

    asyncio.run(play())


@pytest.mark.parametrize("number", ["0", "1"])
def test_a_machine_without_that_gpu(machine: Path, monkeypatch: pytest.MonkeyPatch, number: str) -> None:
    monkeypatch.setenv("GLMKIT_FAKE_GPUS", "2")
    kernelspecs.install(prefix=machine)
    monkeypatch.setenv("GLMKIT_FAKE_GPUS", number)

    async def play() -> None:
        async with kernels("glmkit-gpu1") as (manager,):
            with pytest.raises(ResourceError, match=r"The kernel glmkit-gpu1 got no GPU: this machine has no such GPU"):
                await manager.start_kernel()

    asyncio.run(play())
    assert "(absent)" in kernelspecs.describe(machine)


def notebook(path: Path, *cells: str) -> Path:
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]), path)
    return path


def execute(path: Path, kernel_name: str) -> nbformat.NotebookNode:
    """Run a notebook by papermill with glmkit's engine, as a study does."""
    options = {"engine_name": "glmkit", "kernel_name": kernel_name, "cwd": str(path.parent), "progress_bar": False}
    return papermill.execute_notebook(str(path), None, **options)


def test_memory_runs_out_in_the_cell_and_the_kernel_lives_on(machine: Path) -> None:
    kernelspecs.install(Settings(memory_gib=1.0), machine)
    with open(machine / "corpus.bin", "wb") as file:
        file.truncate(4 << 30)
    cells = [
        "try:\n    bytearray(2 << 30)\nexcept MemoryError:\n    print('refused')",
        "import mmap\nfile = open('corpus.bin', 'rb')\nprint(len(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) >> 30)",
    ]
    path = notebook(machine / "limit.ipynb", *cells)
    executed = execute(path, "glmkit-cpu")
    said = [cell.outputs[0].text for cell in executed.cells]
    assert said == ["refused\n", "4\n"], "a mapped file is no memory"


def test_papermill_that_waits_for_a_gpu_ends_at_once_on_sigterm(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernelspecs.install(prefix=machine)
    (gpu,) = list_gpus()
    path = notebook(machine / "see.ipynb", "import os\nprint(os.environ['CUDA_VISIBLE_DEVICES'])")
    mine = gpu_leases.take([gpu], "a test")
    take, looked = gpu_leases.take, []

    def look(*words: Any) -> list[gpu_leases.Lease]:
        looked.append(time.monotonic())
        if len(looked) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return take(*words)

    before = signal.signal(signal.SIGTERM, lambda number, frame: pytest.fail("the engine did not take the signal"))
    try:
        with monkeypatch.context() as patch:
            patch.setattr(gpu_leases, "take", look)
            with pytest.raises(Terminated, match="Stopped by SIGTERM"):
                execute(path, "glmkit-gpu")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert time.monotonic() - looked[-1] < 5
    assert len(looked) == 3
    gpu_leases.release(mine)
    assert execute(path, "glmkit-gpu").cells[0].outputs[0].text.strip() == gpu.uuid
    assert gpu_leases.held([gpu]) == []


def test_a_stage_that_asks_for_gpus_has_them_to_itself(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLMKIT_FAKE_GPUS", "3")
    monkeypatch.setenv("GLMKIT_WORKSPACE", str(machine))
    gpus = list_gpus()
    look = "import os\nprint(os.environ.get('CUDA_VISIBLE_DEVICES'))"
    study = toy(machine, (look,), (look,), "    resources: {gpu: 2}\n")
    plan = make_plan(load_study(study))
    assert words_after(snakefile.command(plan, 2), "--resources") == "gpu=3"
    snakefile.write_workflow(plan)
    mine = gpu_leases.take(gpus[1:2], "a test")
    assert run_stage(plan, "first") == f"{gpus[0].uuid},{gpus[2].uuid}"
    assert run_stage(plan, "second") == "None"
    assert gpu_leases.held(gpus) == mine

    monkeypatch.setenv("GLMKIT_FAKE_GPUS", "1")
    outcome = job.execute(plan, plan.stage("first"), plan.folder, "")
    assert outcome.exit_code == 5
    assert "got no GPU: this machine has 1, and 2 are requested (nvidia-smi -L lists" in outcome.error


def words_after(command: list[str], option: str) -> str:
    return command[command.index(option) + 1]


def run_stage(plan: Plan, name: str) -> str:
    """Run one stage as ``glmkit run`` does and return what it printed."""
    (plan.folder / name).mkdir(exist_ok=True)
    assert job.execute(plan, plan.stage(name), plan.folder, "").error == ""
    cells = nbformat.read(plan.folder / name / "notebook.ipynb", 4).cells
    return str(cells[-1].outputs[0].text).strip()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"glmkit_gpu": "maybe"}, "glmkit_gpu is 'maybe', expected one of wait, cpu, fail"),
        ({"glmkit_gpus": 0}, "glmkit_gpus is 0, expected a whole number above 0"),
        ({"glmkit_wait_seconds": -1}, "glmkit_wait_seconds is -1, expected a number above 0"),
        ({"glmkit_memory_gib": "16"}, "glmkit_memory_gib is '16', expected a number above 0"),
    ],
)
def test_a_kernelspec_that_cannot_be_meant(machine: Path, change: dict[str, object], words: str) -> None:
    kernelspecs.install(prefix=machine)
    path = kernelspecs.kernels_folder(machine) / "glmkit-gpu/kernel.json"
    spec = json.loads(path.read_text())
    spec["metadata"] |= change
    path.write_text(json.dumps(spec))

    async def play() -> None:
        async with kernels("glmkit-gpu") as (manager,):
            with pytest.raises(BadInput, match=words):
                await manager.start_kernel()

    asyncio.run(play())


def test_a_broken_lease_is_named(machine: Path) -> None:
    (gpu,) = list_gpus()
    gpu_leases.folder().mkdir()
    path = gpu_leases.folder() / f"{gpu.uuid}.json"
    path.write_text('{"gpu": "0"}')
    with pytest.raises(BadInput, match=rf"{gpu.uuid}.json is not a lease of glmkit. Delete it if no kernel is using GPU 0"):
        gpu_leases.take([gpu], "a test")
