"""``glmkit``: the command line. It parses words, calls one function, and turns an error into one sentence and an exit code.

Everything heavy is imported by the verb that needs it, so that ``glmkit --help`` answers in a blink.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from glmkit.errors import BadInput, GlmkitError

_EXIT_CODES = """exit codes: 0 ok, 2 bad input, 3 network, 5 resources, 130/143 interrupted, 1 a bug of ours

relative paths start from the workspace: $GLMKIT_WORKSPACE, or the nearest folder that holds notebooks/ and one of
glmkit.toml, pyproject.toml, or the current folder"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code.

    Parameters
    ----------
    arguments
        The words after ``glmkit``; by default those of the command line.
    """
    parser = make_parser()
    chosen = parser.parse_args(arguments)
    os.umask(0o077)
    try:
        return int(chosen.call(chosen) or 0)
    except GlmkitError as error:
        if chosen.debug:
            raise
        for line in str(error).splitlines():
            print(line if line.startswith(" ") else f"glmkit: {line}", file=sys.stderr)
        for note in getattr(error, "__notes__", []):
            print(f"  {note}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("glmkit: stopped by Ctrl-C.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        if chosen.debug:
            raise
        print(f"glmkit: a bug of ours: {type(error).__name__}: {error}. --debug shows the traceback.", file=sys.stderr)
        return 1


def make_parser() -> argparse.ArgumentParser:
    """The verbs and their options."""
    parser = argparse.ArgumentParser(
        prog="glmkit",
        description="Language models of DNA, proteins and cells in parameterised notebooks.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=_version())
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--debug", action="store_true", help="show the traceback of an error")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)

    settings = argparse.ArgumentParser(add_help=False)
    settings.add_argument("study", metavar="STUDY", help="a study file, or the name of one under notebooks/studies")
    settings.add_argument("--name", help="name of the run, and of its folder below runs/ (default: the study's)")
    settings.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="STAGE.PARAMETER=VALUE",
        help="another value for this call only; repeatable",
    )

    run = verbs.add_parser("run", parents=[settings, shared], help="run what a study still needs", description=_RUN)
    run.add_argument("--until", action="append", default=[], metavar="STAGE", help="stop after this stage; repeatable")
    run.add_argument("--force", action="append", default=[], metavar="STAGE", help="run this stage again; repeatable")
    run.add_argument("--cores", type=_positive, metavar="N", help="stages that may run side by side (default: all cores)")
    run.set_defaults(call=_run)

    check = verbs.add_parser("check", parents=[settings, shared], help="check a study and its parameters, running nothing")
    check.set_defaults(call=_check)

    params = verbs.add_parser("params", parents=[shared], help="what a notebook, or each notebook of a study, can be given")
    params.add_argument("what", metavar="NOTEBOOK|STUDY")
    params.set_defaults(call=_params)

    status = verbs.add_parser("status", parents=[shared], help="how a run stands; without a run, all of them")
    status.add_argument("run", nargs="?", help="a run's name or folder")
    status.set_defaults(call=_status)

    new = verbs.add_parser("new", parents=[shared], help="make a project with the notebooks to change")
    new.add_argument("folder")
    new.set_defaults(call=_new)
    _add_machine_verbs(verbs, shared)
    return parser


def _add_machine_verbs(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", shared: argparse.ArgumentParser) -> None:
    """The verbs about this machine: its kernels, what it lacks, its JupyterLab."""
    kernels = verbs.add_parser(
        "kernels", parents=[shared], help="kernels for JupyterLab and studies: CPU and each GPU", description=_KERNELS
    )
    kernels.add_argument("what", choices=["install", "list", "remove"])
    kernels.add_argument("names", nargs="*", metavar="KERNEL", help="which to remove (default: all of glmkit's)")
    kernels.add_argument("--gpu", choices=["wait", "cpu", "fail"], default="wait", help="if no GPU is free (default: wait)")
    kernels.add_argument("--wait", type=_above_zero, default=3600.0, metavar="SECONDS", help="how long (default: 3600)")
    kernels.add_argument("--memory", type=_above_zero, metavar="GIB", help="the most memory a kernel may use (default: no limit)")
    kernels.add_argument("--prefix", metavar="FOLDER", help="the environment they belong to (default: this one)")
    kernels.set_defaults(call=_kernels)

    doctor = verbs.add_parser("doctor", parents=[shared], help="what this machine has and lacks, and what to do about it")
    doctor.set_defaults(call=_doctor)

    lab = verbs.add_parser("lab", parents=[shared], help="JupyterLab and MLflow side by side, on this machine only")
    lab.add_argument("--port", type=_positive, default=8888, metavar="N", help="of JupyterLab (default: 8888)")
    lab.add_argument("--mlflow-port", type=_positive, default=5000, metavar="N", help="of MLflow (default: 5000)")
    lab.add_argument("--no-browser", action="store_true", help="open no browser")
    lab.set_defaults(call=_lab)


_RUN = """Run the stages of a study that are missing, failed, changed, or follow one that is. --set holds for the one call: a
plain run afterwards goes back to the study's values and runs again what differs; give --name to keep both."""

_KERNELS = """install writes the kernels glmkit-cpu, glmkit-gpu (any free GPU) and one for each GPU or slice of one; a kernel with a GPU
has it to itself, in JupyterLab, papermill and studies (kernel: glmkit-gpu) alike. list says who has which."""


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return number


def _above_zero(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return number


def _version() -> str:
    from glmkit import __version__

    return f"glmkit {__version__}"


def _run(chosen: argparse.Namespace) -> int:
    from glmkit.studies import workflow
    from glmkit.studies.headline import headline, took
    from glmkit.studies.plan import make_plan, parse_settings
    from glmkit.studies.status import show_seconds
    from glmkit.studies.study import load_study

    plan = make_plan(load_study(chosen.study), chosen.name, parse_settings(chosen.settings))
    try:
        ran = workflow.run_plan(plan, chosen.cores, chosen.until, chosen.force)
    except workflow.StageFailed:
        if plan.sweep:  # what the points that went well came to
            report = _write_report(plan.folder)
            print(f"\n{headline(plan.folder)}\n\nreport: {report}")
        raise
    if not ran:
        if plan.sweep:
            _write_report(plan.folder)  # the study may compare the same points by other numbers
        print(f"{plan.name}: nothing to be done.")
    else:
        report = _write_report(plan.folder)
        if text := headline(plan.folder):
            print(f"\n{text}\n")
        print(f"{plan.name}: done in {show_seconds(took(plan.folder))}.")
        print(f"report: {report}")
    return 0


def _write_report(run_folder: Path) -> Path:
    from glmkit.studies.report import write_report

    return write_report(run_folder)


def _check(chosen: argparse.Namespace) -> int:
    from glmkit.studies.plan import make_plan, parse_settings
    from glmkit.studies.study import load_study

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


def _params(chosen: argparse.Namespace) -> int:
    from glmkit.studies.signature import read_signature
    from glmkit.studies.study import find_notebook, load_study
    from glmkit.studies.tables import signature_table

    if chosen.what.endswith(".ipynb"):
        print(signature_table(read_signature(find_notebook(chosen.what))))
        return 0
    for stage in load_study(chosen.what).stages:
        print(f"{stage.name}  ({stage.notebook.name})")
        print(signature_table(read_signature(stage.notebook), stage.parameters), end="\n\n")
    return 0


def _status(chosen: argparse.Namespace) -> int:
    from glmkit.studies.status import print_status

    print_status(chosen.run)
    return 0


def _kernels(chosen: argparse.Namespace) -> int:
    from glmkit.studies import kernelspecs

    if chosen.names and chosen.what != "remove":
        raise BadInput(f"glmkit kernels {chosen.what} takes no names, got {chosen.names[0]!r}.")
    if chosen.what == "remove":
        removed = kernelspecs.remove(chosen.names, chosen.prefix)
        print(f"removed: {', '.join(removed)}" if removed else "There are no kernels of glmkit to remove.")
        return 0
    if chosen.what == "install":
        settings = kernelspecs.Settings(if_busy=chosen.gpu, wait_seconds=chosen.wait, memory_gib=chosen.memory)
        kernelspecs.install(settings, chosen.prefix)
    print(kernelspecs.describe(chosen.prefix))
    return 0


def _doctor(chosen: argparse.Namespace) -> int:
    from glmkit.studies.doctor import print_findings

    return print_findings()


def _lab(chosen: argparse.Namespace) -> int:
    from glmkit.studies.lab import run_lab

    return run_lab(chosen.port, chosen.mlflow_port, not chosen.no_browser)


def _new(chosen: argparse.Namespace) -> int:
    from glmkit.studies.new import new_project

    folder = new_project(chosen.folder)
    print(f"{folder}: made. Go on with\n  cd {_quoted(folder)}\n  glmkit run bacterial_genes")
    return 0


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))


if __name__ == "__main__":
    sys.exit(main())
