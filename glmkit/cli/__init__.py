"""``glmkit``: the command line, one verb a file."""

from glmkit.cli._main import main as main
