"""``glmkit check``: check a study and its parameters without running it."""

import argparse

from glmkit.cli.options import Parents, Verbs


def add(verbs: Verbs, parents: Parents) -> None:
    """Add the verb and its options."""
    check = verbs.add_parser(
        "check", parents=[parents.settings, parents.debug], help="check a study and its parameters without running it"
    )
    check.set_defaults(call=_check)


def _check(chosen: argparse.Namespace) -> int:
    from glmkit.studies.study.plan import make_plan, parse_settings
    from glmkit.studies.study.study_file import load_study

    plan = make_plan(load_study(chosen.study), chosen.name, parse_settings(chosen.settings))
    names = dict.fromkeys(stage.stage for stage in plan.stages)
    print(f"{plan.study}: ok, {len(names)} stages: {', '.join(names)}")
    if plan.sweep:
        swept = sum(bool(stage.point) for stage in plan.stages)
        shared = ", ".join(stage.name for stage in plan.stages if not stage.point) or "none"
        print(
            f"sweep: {len(plan.points)} points over {', '.join(plan.sweep.axes)}: {swept} stages to run; shared by all: {shared}"
        )
    return 0
