"""Small but real studies: some contigs of the annotated genome and the first stretch of the species kept out; some proteins.

Shared by the tests that run the notebooks headless and by those that run them in a browser.
"""

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from glmkit.acquire import sample

ROOT = Path(__file__).parents[1]
STUDY = "bacterial_genes"
PROTEIN_STUDY = "protein_location"
CELL_STUDY, MODALITY_STUDY = "cell_types", "citeseq"
HELD_OUT = 120_000  # bases


def text(name: str) -> str:
    """A shipped sample, decompressed."""
    return gzip.decompress(sample(name).read_bytes()).decode()


def small_genbank(path: Path, low: int = 20_000, high: int = 60_000, most: int = 12) -> Path:
    """The first contigs between `low` and `high` bases of the annotated genome, as they stand in the sample."""
    entries = text("leptospira_kirschneri_h1").split("//\n")
    chosen = [entry for entry in entries if entry.strip() and low <= int(entry.split(maxsplit=3)[2]) <= high][:most]
    path.write_text("".join(f"{entry}//\n" for entry in chosen))
    return path


def write_sources(folder: Path) -> dict[str, list[str]]:
    """Write small genomes into `folder`; returns the values for the acquire notebook's parameters."""
    header, *lines = text("helicobacter_pylori_g27").splitlines()
    (folder / "other.fasta").write_text(f"{header}\n{''.join(lines)[:HELD_OUT]}\n")
    genes = text("helicobacter_pylori_g27_prodigal").splitlines()
    kept = [line for line in genes if line.startswith("#") or int(line.split("\t")[4]) <= HELD_OUT]
    (folder / "other.gff").write_text("\n".join(kept) + "\n")
    header, *lines = text("staphylococcus_aureus_n315").splitlines()
    (folder / "more.fasta").write_text(f"{header}\n{''.join(lines)[:200_000]}\n")
    return {
        "annotated": [str(small_genbank(folder / "small.gb"))],
        "unlabelled": [str(folder / "more.fasta")],
        "held_out": [str(folder / "other.fasta")],
        "predicted_genes": [str(folder / "other.gff")],
    }


def first_entries(name: str, count: int, start: int = 0) -> str:
    """Some of the proteins of a shipped FASTA sample, as they stand there."""
    return "".join(f">{entry}" for entry in text(name).split(">")[1 + start : 1 + start + count])


def write_proteins(folder: Path, each: int = 45, unlabelled: int = 120) -> dict[str, str | list[str]]:
    """Write a few proteins of either place into `folder`; returns the values for the acquire notebook's parameters."""
    many = text("protein_locations").count(">")
    (folder / "located.fasta").write_text(
        first_entries("protein_locations", each) + first_entries("protein_locations", each, many - each)
    )
    (folder / "unlabelled.fasta").write_text(first_entries("human_proteins_3k", unlabelled))
    return {"unlabelled": [str(folder / "unlabelled.fasta")], "labelled": str(folder / "located.fasta")}


def write_citeseq(folder: Path, cells: int = 160) -> dict[str, str]:
    """Write a 10x-like file of some real cells with antibody counts drawn around their genes' own; values for the acquire notebook."""
    import anndata
    import numpy as np
    import pandas as pd
    from scipy.sparse import csr_matrix, hstack

    rna = anndata.read_h5ad(sample("pbmc68k"))[:cells]
    genes = {"CD3": "CD3D", "CD8": "CD8A", "CD79b": "CD79B", "CD74": "CD74", "CD11c": "FCER1A"}
    genes = {name: gene for name, gene in genes.items() if gene in rna.var_names}
    rng = np.random.default_rng(0)
    own = np.column_stack([np.asarray(csr_matrix(rna[:, gene].X).todense()).ravel() for gene in genes.values()])
    antibodies = rng.poisson(5 + 20 * own)
    names = [*rna.var_names, *genes]
    types = ["Gene Expression"] * rna.n_vars + ["Antibody Capture"] * len(genes)
    counts = csr_matrix(hstack([csr_matrix(rna.X), csr_matrix(antibodies)]), dtype=np.float32)
    path = folder / "citeseq.h5ad"
    obs = pd.DataFrame(index=rna.obs_names)
    anndata.AnnData(counts, obs=obs, var=pd.DataFrame({"feature_types": types}, index=names)).write_h5ad(path)
    return {"cells": str(path)}


def make_workspace(folder: Path, values: dict[str, dict[str, Any]], study_name: str = STUDY) -> Path:
    """A workspace with the project's notebooks, one study of which is given `values`: stage, then parameter."""
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    (folder / "glmkit.toml").touch()
    path = folder / f"notebooks/studies/{study_name}.yaml"
    study = yaml.safe_load(path.read_text())
    for stage, parameters in values.items():
        study["stages"][stage]["with"] = study["stages"][stage].get("with", {}) | parameters
    path.write_text(yaml.safe_dump(study, sort_keys=False))
    return folder


def glmkit(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in the workspace `folder`."""
    environment = {**os.environ, "GLMKIT_WORKSPACE": str(folder), **variables}
    command = [sys.executable, "-m", "glmkit.cli", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=280)
