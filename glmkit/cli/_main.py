"""``glmkit``: the command line. It parses the arguments, calls one function, and turns an error into a message and an exit code.

Large libraries are imported by the verbs that use them, so that ``glmkit --help`` is fast.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from glmkit import __version__
from glmkit.cli import check, compare, doctor, kernels, lab, new, params, run, schedule, status
from glmkit.cli.options import Parents
from glmkit.errors import GlmkitError

VERBS = (run, check, params, status, new, schedule, compare, kernels, doctor, lab)

_EXIT_CODES = """exit codes: 0 ok, 1 internal error, 2 bad input, 3 network, 5 resources, 130/143 interrupted

relative paths start from the workspace: $GLMKIT_WORKSPACE; otherwise the nearest folder with notebooks/ and either
glmkit.toml or pyproject.toml; otherwise the current folder"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code.

    Parameters
    ----------
    arguments
        Arguments after ``glmkit``; by default those of the command line.

    Returns
    -------
    int
        Exit code of the process.
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
        print(
            f"glmkit: internal error: {type(error).__name__}: {error}. Please report it; --debug shows the traceback.",
            file=sys.stderr,
        )
        return 1


def make_parser() -> argparse.ArgumentParser:
    """Parser of the verbs and their options."""
    parser = argparse.ArgumentParser(
        prog="glmkit",
        description="Language models of DNA, proteins and cells in parameterised notebooks.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"glmkit {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    parents = Parents()
    for verb in VERBS:
        verb.add(verbs, parents)
    return parser
