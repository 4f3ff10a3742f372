"""``glmkit doctor``: hardware, programs and versions of the machine, with remedies."""

import argparse

from glmkit.cli.options import Parents, Verbs


def add(verbs: Verbs, parents: Parents) -> None:
    """The verb and its options."""
    doctor = verbs.add_parser("doctor", parents=[parents.debug], help="what this machine has and lacks, and what to do about it")
    doctor.set_defaults(call=_doctor)


def _doctor(chosen: argparse.Namespace) -> int:
    from glmkit.studies.doctor.doctor import print_findings

    return print_findings()
