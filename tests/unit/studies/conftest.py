"""A workspace of its own for every test, with its own MLflow database."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workspace, which is not the current folder."""
    home, elsewhere = tmp_path / "work space", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("GLMKIT_WORKSPACE", str(home))
    for name in ("MLFLOW_TRACKING_URI", "GLMKIT_STAGE_FOLDER", "GLMKIT_MLFLOW_RUN"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def untracked(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace in which stages keep their files but MLflow is not asked: most tests need no database."""
    from glmkit.studies.tracking import runs

    monkeypatch.setattr(runs, "open_alone", lambda *words: "")
    return workspace


@pytest.fixture(scope="session")
def blank_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with its tables and nothing in them; making one takes seconds, copying it does not."""
    home = tmp_path_factory.mktemp("blank")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLMKIT_WORKSPACE", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        from glmkit.studies.tracking import runs

        assert runs.prepare_store()
    return home / "runs/mlflow.db"


@pytest.fixture
def tracked(workspace: Path, blank_database: Path) -> Path:
    """A workspace whose MLflow database is set up already."""
    (workspace / "runs").mkdir()
    shutil.copy(blank_database, workspace / "runs/mlflow.db")
    return workspace
