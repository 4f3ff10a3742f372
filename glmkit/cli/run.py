"""``glmkit run``: run the stages of a study that are not up to date."""

import argparse

from glmkit.cli.options import PROFILE, Parents, Verbs, positive

_RUN = """Run the stages of a study that are missing, failed or changed, and all stages that depend on them. --set applies to this
call only: a later run without it uses the study's values again and repeats the stages that differ. --name keeps both results."""


def add(verbs: Verbs, parents: Parents) -> None:
    """Add the verb and its options."""
    run = verbs.add_parser(
        "run",
        parents=[parents.settings, parents.debug],
        help="run the stages of a study that are not up to date",
        description=_RUN,
    )
    run.add_argument("--until", action="append", default=[], metavar="STAGE", help="stop after this stage; repeatable")
    run.add_argument("--force", action="append", default=[], metavar="STAGE", help="run this stage again; repeatable")
    run.add_argument(
        "--cores",
        type=positive,
        metavar="N",
        help="number of cores (default: all); on a cluster, number of concurrent jobs (default: set by the profile)",
    )
    run.add_argument("--profile", default="local", metavar="NAME", help=PROFILE)
    run.add_argument(
        "--dry-run", action="store_true", help="list the stages that would run and their resources, without running them"
    )
    run.add_argument("--scheduled", metavar="FILE", help=argparse.SUPPRESS)  # given by the timers of glmkit schedule
    run.add_argument("--catch-up", action="store_true", help=argparse.SUPPRESS)
    run.set_defaults(call=_run)


def _run(chosen: argparse.Namespace) -> int:
    if not chosen.scheduled:
        _run_study(chosen)
        return 0
    from glmkit.studies.schedule.schedule import Schedule
    from glmkit.studies.schedule.trigger import trigger

    def run(schedule: Schedule) -> bool:
        chosen.study, chosen.name, chosen.settings = schedule.study, schedule.name, schedule.settings
        chosen.cores, chosen.profile = schedule.cores, schedule.profile
        return _run_study(chosen)

    return trigger(chosen.scheduled, run, chosen.catch_up)


def _run_study(chosen: argparse.Namespace) -> bool:
    """Run the stages that are not up to date; return whether there were any."""
    from glmkit.studies.report.headline import headline, took
    from glmkit.studies.report.report import write_report
    from glmkit.studies.report.status import show_seconds
    from glmkit.studies.run import workflow
    from glmkit.studies.study.plan import make_plan, parse_settings
    from glmkit.studies.study.study_file import load_study

    plan = make_plan(load_study(chosen.study), chosen.name, parse_settings(chosen.settings))
    if chosen.dry_run:
        from glmkit.studies.run.dry_run import preview

        print(preview(plan, chosen.cores, chosen.until, chosen.force, chosen.profile))
        return False
    try:
        ran = workflow.run_plan(plan, chosen.cores, chosen.until, chosen.force, chosen.profile)
    except workflow.StageFailed:
        if plan.sweep:  # the finished points have results
            report = write_report(plan.folder)
            print(f"\n{headline(plan.folder)}\n\nreport: {report}")
        raise
    if not ran:
        if plan.sweep:
            write_report(plan.folder)  # `result` and `choose` of the sweep may have changed
        print(f"{plan.name}: nothing to be done.")
    else:
        report = write_report(plan.folder)
        if text := headline(plan.folder):
            print(f"\n{text}\n")
        if plan.acceptance and not chosen.until:
            from glmkit.studies.tracking.registry import promote

            print(promote(plan.study, plan.folder, plan.acceptance))
        print(f"{plan.name}: done in {show_seconds(took(plan.folder))}.")
        print(f"report: {report}")
    return ran
