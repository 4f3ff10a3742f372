"""``glmkit doctor``: check hardware, programs and versions of the machine, and suggest remedies."""

import argparse

from glmkit.cli.options import Parents, Verbs


def add(verbs: Verbs, parents: Parents) -> None:
    """Add the verb and its options."""
    doctor = verbs.add_parser(
        "doctor", parents=[parents.debug], help="check hardware and software of this machine, with remedies"
    )
    doctor.set_defaults(call=_doctor)


def _doctor(chosen: argparse.Namespace) -> int:
    from glmkit.studies.doctor.doctor import print_findings

    return print_findings()
