"""``glmkit schedule``: run a study at fixed times."""

import argparse

from glmkit.cli.options import Parents, Verbs, positive
from glmkit.errors import BadInput

_SCHEDULE = """STUDY with --at or --cron runs a study at fixed times on this machine. A call runs the changed stages, does nothing if
there are none, and never overlaps with another call. Missed times are caught up. 'list' shows all schedules; 'remove RUN' removes one."""


def add(verbs: Verbs, parents: Parents) -> None:
    """Add the verb and its options."""
    schedule = verbs.add_parser(
        "schedule", parents=[parents.settings, parents.debug], help="run a study at fixed times", description=_SCHEDULE
    )
    schedule.add_argument("run", nargs="?", metavar="RUN", help="with remove: run whose schedule is removed")
    due = schedule.add_mutually_exclusive_group()
    due.add_argument("--at", metavar="HH:MM", help="every day at this time")
    due.add_argument("--cron", metavar="'M H D M W'", help="times as the five fields of cron, such as '30 2 * * 1-5'")
    schedule.add_argument(
        "--backend", choices=["cron", "systemd"], help="timer program (default: systemd if its user manager runs, else cron)"
    )
    schedule.add_argument(
        "--on-failure", default="", metavar="COMMAND", help="command to run after a failure; GLMKIT_ERROR holds the error"
    )
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
        print(f"{removed.name}: schedule removed. The results are in {removed.workspace}/runs/{removed.name}.")
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
