"""What nvidia-smi says is read as it is meant, slices and hidden devices included."""

import pytest

from glmkit.studies.kernels.gpus import Gpu, list_gpus, parse_list, visible

LISTED = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-11111111-aaaa-0000-0000-000000000000)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-22222222-bbbb-0000-0000-000000000000)
  MIG 3g.20gb     Device  0: (UUID: MIG-33333333-cccc-0000-0000-000000000000)
  MIG 1g.5gb      Device  1: (UUID: MIG-GPU-22222222-bbbb-0000-0000-000000000000/7/0)
GPU 2: NVIDIA RTX (old) (UUID: GPU-44444444-dddd-0000-0000-000000000000)
"""


def labels(gpus: list[Gpu]) -> list[str]:
    return [gpu.label for gpu in gpus]


def test_a_gpu_in_slices_is_its_slices() -> None:
    found = parse_list(LISTED)
    assert labels(found) == ["0", "1-mig0", "1-mig1", "2"]
    assert found[2].uuid == "MIG-GPU-22222222-bbbb-0000-0000-000000000000/7/0"
    assert [str(gpu) for gpu in found[1:]] == [
        "GPU 1-mig0 (NVIDIA A100-SXM4-40GB, slice 3g.20gb)",
        "GPU 1-mig1 (NVIDIA A100-SXM4-40GB, slice 1g.5gb)",
        "GPU 2 (NVIDIA RTX (old))",
    ]
    assert parse_list("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.") == []


@pytest.mark.parametrize(
    ("setting", "seen"),
    [
        (None, ["0", "1-mig0", "1-mig1", "2"]),
        ("", []),
        ("-1", []),
        ("2,0", ["2", "0"]),
        ("GPU-4444, MIG-3333", ["2", "1-mig0"]),
        ("0,7,2", ["0"]),
        ("0,0", ["0"]),
    ],
)
def test_what_is_hidden_is_not_listed(setting: str | None, seen: list[str]) -> None:
    assert labels(visible(parse_list(LISTED), setting)) == seen


def test_devices_are_simulated_in_tests_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("GLMKIT_FAKE_GPUS", "3")
    monkeypatch.setenv("GLMKIT_TESTING", "1")
    assert labels(list_gpus()) == ["0", "1", "2"]
    monkeypatch.setenv("GLMKIT_TESTING", "0")
    assert "simulated" not in {gpu.name for gpu in list_gpus()}
