"""``glmkit compare``: the differences between two runs."""

import argparse

from glmkit.cli.options import Parents, Verbs


def add(verbs: Verbs, parents: Parents) -> None:
    """Add the verb and its options."""
    compare = verbs.add_parser("compare", parents=[parents.debug], help="show how two runs differ in settings and results")
    compare.add_argument("first", metavar="RUN", help="name or folder of the first run")
    compare.add_argument("second", metavar="RUN", help="name or folder of the second run")
    compare.set_defaults(call=_compare)


def _compare(chosen: argparse.Namespace) -> int:
    from glmkit.studies.report.compare_runs import compare

    print(compare(chosen.first, chosen.second))
    return 0
