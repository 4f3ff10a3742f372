"""``glmkit new``: make a project with the notebooks to change."""

import argparse
import shlex

from glmkit.cli.options import Parents, Verbs


def add(verbs: Verbs, parents: Parents) -> None:
    """The verb and its options."""
    new = verbs.add_parser("new", parents=[parents.debug], help="make a project with the notebooks to change")
    new.add_argument("folder")
    new.set_defaults(call=_new)


def _new(chosen: argparse.Namespace) -> int:
    from glmkit.studies.study.new_project import new_project

    folder = new_project(chosen.folder)
    print(f"{folder}: made. Go on with\n  cd {shlex.quote(str(folder))}\n  glmkit run bacterial_genes")
    return 0
