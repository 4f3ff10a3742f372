"""``glmkit doctor`` says what is wrong in words that help, and its arithmetic is that of real networks."""

import shutil
import sqlite3
from pathlib import Path

import pytest
import torch

from glmkit.errors import BadInput
from glmkit.models import TransformerConfig, new_model
from glmkit.programs import PROGRAMS
from glmkit.studies.doctor import doctor, findings, machine, software
from glmkit.studies.doctor.findings import Finding
from glmkit.studies.kernels import devices, kernelspecs, memory_fit
from glmkit.studies.kernels.gpus import Gpu
from glmkit.studies.kernels.memory_fit import GIB, Size
from glmkit.tokens import BaseTokenizer


def test_arithmetic_of_weights_and_activations_is_that_of_a_real_training() -> None:
    layers, width, tokens = 3, 64, 600
    config = TransformerConfig(vocabulary_size=10, width=width, layers=layers, heads=4, feedforward=4 * width)
    network = new_model(config, BaseTokenizer(), seed=1).network
    size = Size(name="tiny", layers=layers, width=width)
    parameters = list(network.parameters())
    assert sum(parameter.numel() for parameter in parameters) == pytest.approx(size.parameters, rel=0.03)

    weights = {parameter.untyped_storage().data_ptr() for parameter in parameters}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.setdefault(tensor.untyped_storage().data_ptr(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        hidden = network(torch.randint(0, 10, (tokens,)), torch.tensor([0, 150, 300, tokens]))
    activations = sum(tensor.untyped_storage().nbytes() for pointer, tensor in kept.items() if pointer not in weights)
    hidden.sum().backward()
    optimiser = torch.optim.AdamW(network.parameters())
    optimiser.step()
    moments = sum(value.nbytes for state in optimiser.state.values() for value in state.values() if value.dim())
    held = sum(parameter.nbytes + (parameter.grad.nbytes if parameter.grad is not None else 0) for parameter in parameters)
    assert moments + held == pytest.approx(16 * size.parameters, rel=0.03)
    assert activations == pytest.approx(memory_fit.KEPT * tokens * layers * width, rel=0.1)
    assert size.memory("training", tokens) == pytest.approx(moments + held + 1.5 * activations, rel=0.1)


def test_what_fits_grows_with_memory_and_shrinks_with_work() -> None:
    assert memory_fit.largest(GIB, "inference") is None
    assert memory_fit.fits(24 * GIB) == (
        "inference up to 3B, LoRA up to 150M, training up to 150M, training with recomputation up to 650M; 8,192 tokens per pass"
    )
    largest = memory_fit.largest(80 * GIB, "training", tokens=1024)
    assert largest
    assert largest.name == "3B"


def test_the_list_says_what_to_do_and_the_exit_code_what_it_means() -> None:
    found = [Finding(about="disk", text="9 GiB"), Finding(about="GPUs", state="warn", text="idle", remedy="Do this.")]
    assert findings.show(found) == (
        "ok    disk  9 GiB\nwarn  GPUs  idle\n            → Do this.\n\nglmkit can work here. Warnings: 1."
    )
    assert doctor.exit_code(found) == 0
    found.append(Finding(about="memory", state="fail", text="none", remedy="Buy some."))
    assert doctor.exit_code(found) == 5
    assert "1 of these must be fixed" in findings.show(found)


def test_this_machine_is_looked_at(monkeypatch: pytest.MonkeyPatch, workspace: Path) -> None:
    monkeypatch.setattr(software, "PROGRAMS", {"mafft": PROGRAMS["mafft"]})
    found = {finding.about: finding for finding in doctor.examine()}
    assert {"processor", "memory", "disk", "GPUs", "sizes: CPU", "Python", "libraries", "mafft", "MLflow"} <= set(found)
    assert [name for name in ("Python", "libraries") if found[name].state != "ok"] == []
    assert "does not exist yet" in found["MLflow"].text


def test_a_library_that_is_missing_or_too_old() -> None:
    finding = software.libraries(["no-such-thing>=2", "numpy>=999", "pytest", 'scvi-tools; extra == "cells"'])
    assert (finding.state, finding.text) == (
        "fail",
        f"no-such-thing is missing, needs >=2; numpy {_version('numpy')}, needs >=999",
    )


def _version(name: str) -> str:
    from importlib.metadata import version

    return version(name)


def test_a_program_that_is_absent_or_broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    finding = software.program("mmseqs")
    assert finding.state == "warn"
    assert "apt install mmseqs2" in finding.remedy
    (tmp_path / "mmseqs").write_text("#!/bin/sh\necho no GLIBC >&2\nexit 3\n")
    (tmp_path / "mmseqs").chmod(0o755)
    assert "mmseqs version ended with status 3: no GLIBC" in software.program("mmseqs").remedy
    (tmp_path / "mafft").write_text("#!/bin/sh\necho 'v7.505 (2022/Apr/10)' >&2\n")
    (tmp_path / "mafft").chmod(0o755)
    assert software.program("mafft").text == f"MAFFT 7.505, {tmp_path / 'mafft'}"


def test_stores_that_can_and_cannot_be_reached(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_bytes(b"no database at all, but long enough to be looked at" * 9)
    broken = software.tracking(f"sqlite:///{path}")
    assert (broken.state, "Move that file away" in broken.remedy) == ("warn", True)
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE runs (name)")
        connection.execute("INSERT INTO runs VALUES ('a')")
    connection.close()
    assert software.tracking(f"sqlite:///{path}").text.endswith(": 1 runs")
    absent = software.tracking("postgresql://ada:hunter22hunter@127.0.0.1:9/runs")
    assert absent.state == "warn"
    assert "refused" in absent.text
    assert "hunter22" not in absent.text
    assert software.tracking("http://127.0.0.1:9").state == "warn"


def test_memory_is_what_the_container_may_have(tmp_path: Path) -> None:
    assert machine.memory(tmp_path)[0] > GIB // 2
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("300000\n")
    assert machine.memory(tmp_path) == (1_000_000, 700_000)
    assert machine.memory_finding(*machine.memory(tmp_path)).state == "fail"
    assert machine.memory_finding(8 * GIB, 2 * GIB).state == "warn"
    assert machine.memory_finding(8 * GIB, 5 * GIB).remedy == ""


def test_a_disk_that_is_full_or_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: usage._replace(free=GIB // 4))
    assert machine.disk(tmp_path / "runs").state == "fail"
    monkeypatch.setattr(machine.os, "access", lambda path, mode: False)
    finding = machine.disk(tmp_path / "runs")
    assert "cannot be written" in finding.text
    assert "GLMKIT_WORKSPACE" in finding.remedy


def test_gpus_their_driver_and_a_torch_that_cannot_use_them(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus = [
        Gpu(index=0, name="NVIDIA H100 80GB HBM3", uuid="GPU-1"),
        Gpu(index=1, slice=2, name="NVIDIA A100, slice 1g.5gb", uuid="MIG-2"),
    ]
    asked = "GPU-1, 81559, 580.159.04\nGPU-9, 40960, 580.159.04\n"
    monkeypatch.setattr(machine, "torch_build", lambda: "cpu")
    first, second = machine.graphics(gpus, asked)
    assert first.text == "GPU 0 (NVIDIA H100 80GB HBM3); GPU 1-mig2 (NVIDIA A100, slice 1g.5gb); driver 580.159.04"
    assert (second.state, second.text) == ("warn", "built without CUDA: the GPUs stay idle")
    assert [machine.gpu_memory(gpu, asked) for gpu in gpus] == [81559 * 1024**2, 5 * GIB]
    monkeypatch.setattr(devices, "cuda_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (hidden,) = machine.graphics([], "")
    assert hidden.state == "warn"
    assert "CUDA_VISIBLE_DEVICES is '' and may hide them" in hidden.remedy


def test_kernels_that_do_not_suit_the_gpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GLMKIT_TESTING", "1")
    monkeypatch.setenv("GLMKIT_FAKE_GPUS", "2")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share/jupyter"))
    before = {line.about: line for line in software.kernels(tmp_path)}["GPU kernels"]
    assert (before.text, before.remedy) == ("2 GPUs, 0 of them with a kernel", "Run: glmkit kernels install")
    assert kernelspecs.install(prefix=tmp_path) == ["glmkit-cpu", "glmkit-gpu", "glmkit-gpu0", "glmkit-gpu1"]
    assert [line.state for line in software.kernels(tmp_path)] == ["ok"]
    monkeypatch.setenv("GLMKIT_FAKE_GPUS", "1")
    assert kernelspecs.install(prefix=tmp_path) == ["glmkit-cpu", "glmkit-gpu", "glmkit-gpu0"]
    path = kernelspecs.kernels_folder(tmp_path) / "glmkit-cpu/kernel.json"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o644, 0o755)
    path.write_text(path.read_text().replace(software.sys.executable, "/gone/python"))
    assert "glmkit-cpu: the interpreter no longer exists" in [line.text for line in software.kernels(tmp_path)]
    with pytest.raises(BadInput, match=r"'python3' is no kernel of glmkit in .* There are: glmkit-cpu, glmkit-gpu, glmkit-gpu0"):
        kernelspecs.remove(["python3"], tmp_path)
    assert kernelspecs.remove(["glmkit-cpu"], tmp_path) == ["glmkit-cpu"]
    assert kernelspecs.remove(prefix=tmp_path) == ["glmkit-gpu", "glmkit-gpu0"]
    assert "Install them with: glmkit kernels install" in kernelspecs.describe(tmp_path)
