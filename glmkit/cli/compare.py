"""``glmkit compare``: the differences between two runs."""

import argparse

from glmkit.cli.options import Parents, Verbs


def add(verbs: Verbs, parents: Parents) -> None:
    """The verb and its options."""
    compare = verbs.add_parser("compare", parents=[parents.debug], help="what differs between two runs, and what came of it")
    compare.add_argument("first", metavar="RUN", help="a run's name or folder")
    compare.add_argument("second", metavar="RUN")
    compare.set_defaults(call=_compare)


def _compare(chosen: argparse.Namespace) -> int:
    from glmkit.studies.report.compare_runs import compare

    print(compare(chosen.first, chosen.second))
    return 0
