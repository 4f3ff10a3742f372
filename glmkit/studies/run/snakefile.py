"""A plan as a Snakefile, and the command that drives it.

Snakemake decides what has to run: a stage whose parameters or code differ from those of its last success, whose inputs are
newer, or that has not succeeded yet; and everything after it. The file names only what lies below the run folder, so that
no blank, quote or brace in a path above it can matter, and it holds no shell text but the interpreter's own path.

A stage takes all the cores of the run: Snakemake tells a job's libraries (``OMP_NUM_THREADS``) to use no more threads than its
rule has, and a training on one core of many would be a waste. The stages of a sweep's points take their share of the cores, so
that as many points as the study says run side by side. A stage that asks for cores gets those. Jobs of a cluster know no cores
of the run: there a stage has the cores that it asks for, or a few, and points run side by side as the cluster has room.
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

JOB_CORES = 4  # of a cluster's job that does not say

_HEAD = """# Written by glmkit; changes are lost at the next run. To run it by hand, in this run's folder:
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
    """Write the plan, the Snakefile and the copies of the notebooks into the run folder."""
    folder = plan.folder
    for stage in plan.stages:
        copy = folder / run_folder.source(stage.stage)
        text = Path(stage.notebook).read_text(encoding="utf-8-sig")
        if not copy.exists() or copy.read_text(encoding="utf-8") != text:
            write_text(copy, text)
    write_json(folder / run_folder.PLAN, plan.as_dict())
    write_text(folder / run_folder.SNAKEFILE, render(plan, profile))


def render(plan: Plan, profile: Profile | None = None) -> str:
    """The Snakefile's text, for the local profile unless another is given."""
    profile = profile or load_profile()
    everything = [f"{stage.name}/{run_folder.DONE}" for stage in plan.stages]
    rules = [f"\nrule all:\n    input:\n        {everything!r},\n"]
    share = plan.sweep.side_by_side if plan.sweep else 1
    for number, stage in enumerate(plan.stages):
        asked = for_snakemake(stage.resources, stage.minutes)
        needs = ", ".join(f"{name}={amount!r}" for name, amount in asked.items())
        rules.append(
            _RULE.format(
                rule=rule_name(number, stage),
                notebook=run_folder.source(stage.stage),
                after=[f"{name}/{run_folder.DONE}" for name in stage.after],
                done=f"{stage.name}/{run_folder.DONE}",
                values=stage.values,
                code=stage.code,
                priority=len(plan.stages) - number,  # points in the order of the axes
                threads=_threads(stage, profile, share),
                resources=f"    resources: {needs}\n" if needs else "",
                command=_shell(plan, stage, profile),
            )
        )
    return _HEAD + "".join(rules)


def rule_name(number: int, stage: PlannedStage) -> str:
    """The name of a stage's rule; `number` is its place in the plan."""
    return f"point{number}_{stage.stage}" if stage.point else f"stage_{stage.name}"


def _shell(plan: Plan, stage: PlannedStage, profile: Profile) -> str:
    """What a job runs. In a container the run folder is on a volume, and Snakemake looks for the output where it works itself."""
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
    """The argument list that runs Snakemake on a plan's run folder, by the local profile unless another is given."""
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
