"""Options and argument types that several verbs share."""

import argparse
from dataclasses import dataclass, field
from typing import TypeAlias

PROFILE = "where stages run: local, slurm, kubernetes, or a folder with a Snakemake config.yaml (default: local)"
Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _debug() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _settings() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("study", metavar="STUDY", help="study file, or name of one below notebooks/studies")
    parser.add_argument("--name", help="name of the run and of its folder below runs/ (default: name of the study)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="STAGE.PARAMETER=VALUE",
        help="parameter value for this call only; repeatable",
    )
    return parser


@dataclass(frozen=True)
class Parents:  # numpydoc ignore=PR02
    """Parent parsers of the verbs.

    Parameters
    ----------
    debug
        Parser of ``--debug``, an option of every verb.
    settings
        Parser of the study, the run's name and changed parameters.
    """

    debug: argparse.ArgumentParser = field(default_factory=_debug)
    settings: argparse.ArgumentParser = field(default_factory=_settings)


def positive(text: str) -> int:
    """Parse a whole number above 0."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return number


def above_zero(text: str) -> float:
    """Parse a finite number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return number
