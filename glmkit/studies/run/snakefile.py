"""The Snakefile of a plan, and the command that runs it.

Snakemake determines the stages to run. These are stages without success, with newer inputs, or with other parameters or code than at
their last success. All stages that depend on them are run too. Paths in the Snakefile are relative to the run folder, so that blanks, quotes and braces
in the folder's own path do no harm. The only shell text is the path of the interpreter.

A stage uses all cores of the run. Snakemake limits the threads of a job's libraries (``OMP_NUM_THREADS``) to those of its rule, so
that a training with one thread would waste cores. The stages of a sweep's points share the cores, so that the number of points set
in the study run concurrently. A stage that requests cores gets that number. On a cluster, a stage has the cores that it requests,
4 by default, and the cluster's scheduler determines how many points run concurrently.
"""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from glmkit.files import write_json, write_text
from glmkit.studies.files import run_folder
from glmkit.studies.kernels import devices, gpus
from glmkit.studies.run.executors import Profile, load_profile, options
from glmkit.studies.study.plan import Plan
from glmkit.studies.study.planned_stage import PlannedStage
from glmkit.studies.study.resources import for_snakemake

JOB_CORES = 4  # default number of cores of a cluster job

_HEAD = """# Written by glmkit and overwritten at the next run. To run it by hand, call in this run's folder:
# snakemake --snakefile .workflow/Snakefile --cores 2
"""
_RULE = """
rule {rule}:
    input:
        notebook=ancient({notebook!r}),
        after={after!r},
    output:
        {done!r},
    params:
        values=lambda wildcards: {values!r},
        code={code!r},
    priority: {priority}
    threads: {threads}
{resources}    shell:
        {command!r}
"""


def write_workflow(plan: Plan, profile: Profile | None = None) -> None:
    """Write the plan, the Snakefile and copies of the notebooks into the run folder."""
    folder = plan.folder
    for stage in plan.stages:
        copy = folder / run_folder.source(stage.stage)
        text = Path(stage.notebook).read_text(encoding="utf-8-sig")
        if not copy.exists() or copy.read_text(encoding="utf-8") != text:
            write_text(copy, text)
    write_json(folder / run_folder.PLAN, plan.as_dict())
    write_text(folder / run_folder.SNAKEFILE, render(plan, profile))


def render(plan: Plan, profile: Profile | None = None) -> str:
    """Text of the Snakefile; the default is the local profile."""
    profile = profile or load_profile()
    everything = [f"{stage.name}/{run_folder.DONE}" for stage in plan.stages]
    rules = [f"\nrule all:\n    input:\n        {everything!r},\n"]
    share = plan.sweep.side_by_side if plan.sweep else 1
    for number, stage in enumerate(plan.stages):
        requested = for_snakemake(stage.resources, stage.minutes)
        needs = ", ".join(f"{name}={amount!r}" for name, amount in requested.items())
        rules.append(
            _RULE.format(
                rule=rule_name(number, stage),
                notebook=run_folder.source(stage.stage),
                after=[f"{name}/{run_folder.DONE}" for name in stage.after],
                done=f"{stage.name}/{run_folder.DONE}",
                values=stage.values,
                code=stage.code,
                priority=len(plan.stages) - number,  # points run in the order of the axes
                threads=_threads(stage, profile, share),
                resources=f"    resources: {needs}\n" if needs else "",
                command=_shell(plan, stage, profile),
            )
        )
    return _HEAD + "".join(rules)


def rule_name(number: int, stage: PlannedStage) -> str:
    """Name of the rule of a stage; `number` is the stage's index in the plan."""
    return f"point{number}_{stage.stage}" if stage.point else f"stage_{stage.name}"


def _shell(plan: Plan, stage: PlannedStage, profile: Profile) -> str:
    """Shell command of a job. In a container the run folder is on a volume; the output is copied to Snakemake's own folder."""
    folder = str(plan.folder) if profile.executor == "kubernetes" else "."
    words = shlex.join([profile.python, "-P", "-m", run_folder.JOB, folder, stage.name]).replace("{", "{{").replace("}", "}}")
    if profile.executor != "kubernetes":
        return f"exec {words}"
    done = shlex.quote(f"{folder}/{stage.name}/{run_folder.DONE}").replace("{", "{{").replace("}", "}}")
    return f"{words} && cp {done} {{output:q}}"


def _threads(stage: PlannedStage, profile: Profile, share: int) -> str:
    if "cores" in stage.resources:
        return str(stage.resources["cores"])
    if profile.remote:
        return str(JOB_CORES)
    return f"max(1, workflow.cores // {share})" if stage.point and share > 1 else "workflow.cores"


def command(
    plan: Plan, cores: int | None, until: Sequence[str] = (), force: Sequence[str] = (), profile: Profile | None = None
) -> list[str]:
    """Argument list that runs Snakemake on the run folder of a plan; the default is the local profile."""
    profile = profile or load_profile()
    words = [sys.executable, "-P", "-m", "snakemake", "--snakefile", run_folder.SNAKEFILE, "--directory", str(plan.folder)]
    words += [*options(profile, cores, plan.root, plan.folder), "--nolock", "--rerun-incomplete", "--keep-going", "--nocolor"]
    words += ["--rerun-triggers", "mtime", "params", "input"]
    if not profile.remote and any("gpu" in stage.resources for stage in plan.stages):
        words += ["--resources", f"gpu={len(gpus.list_gpus()) or max(1, devices.cuda_count())}"]
    if force:
        words += ["--forcerun", *(f"{stage.name}/{run_folder.DONE}" for name in force for stage in plan.named(name))]
    targets = [f"{stage.name}/{run_folder.DONE}" for name in until for stage in plan.named(name)] or ["all"]
    return [*words, "--", *targets]
