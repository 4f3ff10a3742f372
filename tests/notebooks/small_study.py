"""The main study made small: a workspace to run it in, and the command line as a user has it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
SMALL = {
    "preprocess": {"block": 5000, "gap": 200},
    "pretrain": {"steps": 12, "width": 32, "layers": 2, "heads": 4, "validate_every": 6, "checkpoint_every": 6},
    "finetune": {"frame_steps": 10, "epochs": 1, "seeds": [0, 1]},
    "evaluate": {"lstm_epochs": 1, "markov_orders": [0, 3], "bits_windows": 12, "bits_length": 64, "draws": 100},
    "interpret": {"n_windows": 10, "before": 14, "after": 4},
}


def small_project(folder: Path, sources: dict[str, list[str]]) -> Path:
    """A workspace with the notebooks and ``small.yaml``; `sources` are values for the acquire notebook."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    (folder / "glmkit.toml").touch()
    study = yaml.safe_load((ROOT / "notebooks/studies/bacterial_genes.yaml").read_text())
    study["name"] = "small"
    for stage, values in (SMALL | {"acquire": sources}).items():
        study["stages"][stage]["with"] = values
    (folder / "small.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    return folder


def glmkit(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
    """``glmkit ARGUMENTS`` in a workspace."""
    environment = {**os.environ, "GLMKIT_WORKSPACE": str(folder), **variables}
    command = [sys.executable, "-m", "glmkit.cli", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=280)
