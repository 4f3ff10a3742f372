"""``glmkit params``: list the parameters of a notebook, or of each notebook of a study."""

import argparse

from glmkit.cli.options import Parents, Verbs


def add(verbs: Verbs, parents: Parents) -> None:
    """Add the verb and its options."""
    params = verbs.add_parser(
        "params", parents=[parents.debug], help="list the parameters of a notebook or of a study's notebooks"
    )
    params.add_argument("what", metavar="NOTEBOOK|STUDY", help="path of a notebook, or a study file or its name")
    params.set_defaults(call=_params)


def _params(chosen: argparse.Namespace) -> int:
    from glmkit.studies.study.signature import read_signature
    from glmkit.studies.study.signature_table import signature_table
    from glmkit.studies.study.study_file import find_notebook, load_study

    if chosen.what.endswith(".ipynb"):
        print(signature_table(read_signature(find_notebook(chosen.what))))
        return 0
    for stage in load_study(chosen.what).stages:
        print(f"{stage.name}  ({stage.notebook.name})")
        print(signature_table(read_signature(stage.notebook), stage.parameters), end="\n\n")
    return 0
