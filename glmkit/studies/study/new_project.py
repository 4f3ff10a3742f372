"""``glmkit new FOLDER``: a new project with editable copies of the notebooks.

The notebooks are copied from the installed package or from the clone, so that no network is needed.
"""

import shutil
from pathlib import Path

from glmkit import __version__
from glmkit.errors import BadInput, ResourceError
from glmkit.files import disk_errors, write_text

_README = """# {name}

A glmkit project: notebooks that go from genomes, proteins or cells to an explained prediction.

    glmkit run notebooks/studies/bacterial_genes.yaml     # run the whole study; the report is runs/bacterial_genes/report.html
    glmkit status bacterial_genes --watch                 # progress while it runs
    glmkit params notebooks/dna/3_pretrain.ipynb          # parameters of a notebook
    glmkit run bacterial_genes --name more --set pretrain.steps=800; glmkit compare bacterial_genes more
    glmkit schedule bacterial_genes --at 02:30            # every night; runs only if something changed
    glmkit lab                                            # JupyterLab and MLflow; open any notebook and choose Run All

Edit the notebooks in `notebooks/`. `runs/` holds all computed files and can be deleted. The file `glmkit.toml` marks this
folder as the workspace; relative paths start here.
"""
_MARKER = """# This folder is a glmkit project: relative paths in notebooks and studies start here.
made_with = "glmkit {version}"
"""


def new_project(folder: str | Path) -> Path:
    """Create a project in `folder`: the notebooks, a marker file and a short README.

    Parameters
    ----------
    folder
        Path of the project, which must not exist or must be empty.

    Returns
    -------
    Path
        Absolute path of the project.

    Raises
    ------
    BadInput
        `folder` is not empty, or is a file.
    ResourceError
        `folder` cannot be written, or this installation of glmkit contains no notebooks.
    """
    target = Path(folder).expanduser().resolve()
    if target.exists() and not target.is_dir():
        raise BadInput(f"{target} is a file. Give a folder that is new or empty.")
    if target.is_dir() and any(target.iterdir()):
        raise BadInput(
            f"{target} is not empty ({min(path.name for path in target.iterdir())}, …). Give a folder that is new or empty."
        )
    source = notebooks()
    ignore = shutil.ignore_patterns(".*", "__pycache__", "runs")
    with disk_errors(target):
        target.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target / "notebooks", ignore=ignore)
    write_text(target / "README.md", _README.format(name=target.name))
    write_text(target / "glmkit.toml", _MARKER.format(version=__version__))
    return target


def notebooks() -> Path:
    """Folder of the notebooks that are shipped with glmkit, inside the wheel or in the clone."""
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "_notebooks", package.parent / "notebooks"):
        if folder.is_dir():
            return folder
    raise ResourceError(f"This glmkit ({package}) contains no notebooks. Install it from a wheel or a clone: pip install glmkit.")
