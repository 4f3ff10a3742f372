"""``glmkit lab``: start JupyterLab and MLflow on this machine."""

import argparse

from glmkit.cli.options import Parents, Verbs, positive


def add(verbs: Verbs, parents: Parents) -> None:
    """Add the verb and its options."""
    lab = verbs.add_parser("lab", parents=[parents.debug], help="start JupyterLab and MLflow, reachable from this machine only")
    lab.add_argument("--port", type=positive, default=8888, metavar="N", help="port of JupyterLab (default: 8888)")
    lab.add_argument("--mlflow-port", type=positive, default=5000, metavar="N", help="port of MLflow (default: 5000)")
    lab.add_argument("--no-browser", action="store_true", help="do not open a browser")
    lab.set_defaults(call=_lab)


def _lab(chosen: argparse.Namespace) -> int:
    from glmkit.studies.lab import run_lab

    return run_lab(chosen.port, chosen.mlflow_port, not chosen.no_browser)
