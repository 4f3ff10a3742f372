"""``glmkit run --dry-run``: the stages that would run and their resources, determined by Snakemake without running them."""

import os
import subprocess
from collections.abc import Sequence

from glmkit.errors import BadInput
from glmkit.files import disk_errors, exclusive
from glmkit.studies.files import run_folder
from glmkit.studies.run.executors import LOCAL, Profile, load_profile
from glmkit.studies.run.snakefile import JOB_CORES, command, rule_name, write_workflow
from glmkit.studies.study.plan import Plan
from glmkit.studies.study.planned_stage import PlannedStage
from glmkit.studies.study.resources import for_snakemake


def preview(
    plan: Plan, cores: int | None = None, until: Sequence[str] = (), force: Sequence[str] = (), profile: str = LOCAL
) -> str:
    """Dry run of :func:`glmkit.studies.run.workflow.run_plan`.

    Parameters
    ----------
    plan, cores, until, force, profile
        Arguments of :func:`glmkit.studies.run.workflow.run_plan`. Only the workflow is written into the run folder.

    Returns
    -------
    str
        Text with one line per stage and its resources.

    Raises
    ------
    BadInput
        Another run uses the folder, a stage does not exist, or Snakemake refuses the workflow or the profile.
    """
    for name in (*until, *force):
        plan.named(name)
    where = load_profile(profile)
    cores = cores or (None if where.remote else len(os.sched_getaffinity(0)))
    lock = plan.folder / run_folder.RUN_LOCK
    with disk_errors(plan.folder):
        plan.folder.mkdir(parents=True, exist_ok=True)
    with exclusive(lock):
        write_workflow(plan, where)
        words = command(plan, cores, until, force, where)
        words.insert(words.index("--"), "--dry-run")
        done = subprocess.run(words, cwd=plan.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        lock.write_text("", encoding="utf-8")
    if done.returncode != 0:
        last = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise BadInput(f"Snakemake refuses this workflow for --profile {profile}: {' '.join(last[-3:])[:500]}")
    rules = {line.split()[1].rstrip(":") for line in (done.stdout + done.stderr).splitlines() if line.startswith("rule ")}
    stages = [stage for number, stage in enumerate(plan.stages) if rule_name(number, stage) in rules]
    if not stages:
        return f"{plan.name}: nothing to be done."
    lines = [f"{stage.name}  {_needs(stage, where)}" for stage in stages]
    return "\n".join([f"{plan.name}: {len(stages)} of {len(plan.stages)} stages would run ({where.executor})", *lines])


def _needs(stage: PlannedStage, where: Profile) -> str:
    cores = stage.resources.get("cores", JOB_CORES if where.remote else "all")
    needs = {"cores": cores, **for_snakemake(stage.resources, stage.minutes)}
    return ", ".join(f"{name}={amount}" for name, amount in needs.items())
