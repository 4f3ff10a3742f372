"""``glmkit new``: create a project with editable copies of the notebooks."""

import argparse
import shlex

from glmkit.cli.options import Parents, Verbs


def add(verbs: Verbs, parents: Parents) -> None:
    """Add the verb and its options."""
    new = verbs.add_parser("new", parents=[parents.debug], help="create a project with editable copies of the notebooks")
    new.add_argument("folder", help="new or empty folder")
    new.set_defaults(call=_new)


def _new(chosen: argparse.Namespace) -> int:
    from glmkit.studies.study.new_project import new_project

    folder = new_project(chosen.folder)
    print(f"{folder}: created. Continue with\n  cd {shlex.quote(str(folder))}\n  glmkit run bacterial_genes")
    return 0
