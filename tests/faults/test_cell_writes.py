"""Writes of cells that fail half-way, by a full disk or by a signal: the file from before is there, byte for byte."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np
import pytest
from scipy import sparse

from glmkit.bio import read_cells, write_cells
from tests.faults.cells import CELLS, counts, fingerprint, make

pytestmark = pytest.mark.filterwarnings("ignore:Writing zarr v2 data:UserWarning")
FAULT = """
import resource, sys
import anndata, numpy
from glmkit.bio import write_cells
from glmkit.errors import ResourceError
if sys.argv[2] == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
values = numpy.random.default_rng(0).random((300, 500)).astype("float32")
try:
    cells = anndata.AnnData(values)
    write_cells({"rna": cells} if sys.argv[1].endswith("h5mu") else cells, sys.argv[1])
except ResourceError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def fault(path: Path, kind: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FAULT, str(path), kind],
        capture_output=True, text=True, timeout=100, env=os.environ | environment,
    )  # fmt: skip


@pytest.mark.parametrize("ending", ["h5ad", "zarr", "h5mu"])
def test_F9_disk_full_during_h5ad(tmp_path: Path, ending: str) -> None:
    """HDF5 by itself reports the full disk while it is being closed, and then crashes the interpreter."""
    path = write_cells({"rna": make()} if ending == "h5mu" else make(), tmp_path / f"cells.{ending}")
    before = fingerprint(tmp_path)
    result = fault(path, "full")
    assert result.returncode == 5, result.stderr
    assert "No space left to write" in result.stdout
    assert str(path) in result.stdout
    assert "600,000 bytes needed" in result.stdout
    assert result.stderr == ""
    assert fingerprint(tmp_path) == before


def test_F30_kill_a_write(tmp_path: Path, save: Callable[..., Path]) -> None:
    path = save(make())
    before = fingerprint(path)
    point = "folder.rename" if path.is_dir() else "atomic.rename"
    result = fault(path, "kill", GLMKIT_TESTING="1", GLMKIT_FAULT=f"{point}:1:SIGKILL")
    assert result.returncode == -9
    assert read_cells(path).n_obs == CELLS  # of a folder, the next to open it puts the older one back
    assert fingerprint(path) == before
    assert fault(path, "none").returncode == 0
    assert anndata.io.read_zarr(path).shape == (300, 500) if path.is_dir() else anndata.read_h5ad(path).shape == (300, 500)


def test_F30_write_while_open_elsewhere(save: Callable[..., Path]) -> None:
    path = save(make(sparse.csr_matrix(counts())))
    reader = read_cells(path, backed=True)
    write_cells(make(counts(13)), path)
    if path.suffix == ".h5ad":  # the reader keeps the file it opened
        np.testing.assert_array_equal(reader[:].X.toarray(), counts())
    assert read_cells(path).n_obs == 13
