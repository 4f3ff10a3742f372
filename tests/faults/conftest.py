"""What several tests of faults share."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import anndata


@pytest.fixture(params=["h5ad", "zarr"])
def save(request: pytest.FixtureRequest, tmp_path: Path) -> "Callable[[anndata.AnnData], Path]":
    """Write an AnnData as it is, in either format."""

    def write(adata: "anndata.AnnData") -> Path:
        path = tmp_path / f"cells.{request.param}"
        adata.write_zarr(path) if request.param == "zarr" else adata.write_h5ad(path)
        return path

    return write
