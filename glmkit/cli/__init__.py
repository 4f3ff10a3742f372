"""``glmkit``: the command line, with one module for each verb."""

from glmkit.cli._main import main as main
