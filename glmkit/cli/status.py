"""``glmkit status``: show the state of a run, or of all runs."""

import argparse

from glmkit.cli.options import Parents, Verbs


def add(verbs: Verbs, parents: Parents) -> None:
    """Add the verb and its options."""
    status = verbs.add_parser("status", parents=[parents.debug], help="show the state of a run, or of all runs")
    status.add_argument("run", nargs="?", help="name or folder of a run (default: all runs)")
    status.add_argument("--watch", action="store_true", help="refresh the output until the run ends")
    status.set_defaults(call=_status)


def _status(chosen: argparse.Namespace) -> int:
    if chosen.watch:
        from glmkit.studies.report.watch import watch

        return watch(chosen.run)
    from glmkit.studies.report.status import print_status

    print_status(chosen.run)
    return 0
