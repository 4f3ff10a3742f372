"""``glmkit schedule``: run a study at set times."""

import argparse

from glmkit.cli.options import Parents, Verbs, positive
from glmkit.errors import BadInput

_SCHEDULE = """STUDY with --at or --cron hangs a study on a clock of this machine: it runs what changed, skips when nothing did, never
overlaps with itself and makes up for a time that was missed. 'list' shows all schedules; 'remove RUN' takes one away."""


def add(verbs: Verbs, parents: Parents) -> None:
    """The verb and its options."""
    schedule = verbs.add_parser(
        "schedule", parents=[parents.settings, parents.debug], help="run a study on a clock", description=_SCHEDULE
    )
    schedule.add_argument("run", nargs="?", metavar="RUN", help="with remove: whose schedule to take away")
    due = schedule.add_mutually_exclusive_group()
    due.add_argument("--at", metavar="HH:MM", help="every day at this time")
    due.add_argument("--cron", metavar="'M H D M W'", help="when, in the five fields of cron, such as '30 2 * * 1-5'")
    schedule.add_argument("--backend", choices=["cron", "systemd"], help="by default systemd where it runs for you, else cron")
    schedule.add_argument("--on-failure", default="", metavar="COMMAND", help="run after a failure, which GLMKIT_ERROR tells it")
    schedule.add_argument("--cores", type=positive, metavar="N", help="as for run")
    schedule.add_argument("--profile", default="local", metavar="NAME", help="as for run")
    schedule.set_defaults(call=_schedule)


def _schedule(chosen: argparse.Namespace) -> int:
    from glmkit.studies.schedule import schedule
    from glmkit.studies.schedule.cron import daily, read_cron
    from glmkit.studies.study.plan import make_plan, parse_settings
    from glmkit.studies.study.study_file import load_study

    if chosen.study == "remove" and chosen.run:
        removed = schedule.remove(chosen.run)
        print(f"{removed.name}: runs on no clock any more. What it computed is in {removed.workspace}/runs/{removed.name}.")
        return 0
    if chosen.study != "list":
        if chosen.run or not (chosen.at or chosen.cron):
            raise BadInput(
                "Expected: glmkit schedule STUDY --at HH:MM or --cron 'M H D M W'; glmkit schedule list; or remove RUN."
            )
        when = daily(chosen.at) if chosen.at else read_cron(chosen.cron)
        plan = make_plan(load_study(chosen.study), chosen.name, parse_settings(chosen.settings))
        settings = {"settings": chosen.settings, "cores": chosen.cores, "profile": chosen.profile}
        schedule.add(plan, when, **settings, backend=chosen.backend, on_failure=chosen.on_failure)
    print(schedule.show())
    return 0
