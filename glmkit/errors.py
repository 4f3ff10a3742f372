"""One small exception tree. Each class carries the exit code that the command line returns for it.

An error's text says what was expected, what came, where (file, record, line) and what to do about it. Context is added on
the way up with ``add_note``, never by wrapping one error in another.
"""


class GlmkitError(Exception):
    """Base of every error that glmkit raises on purpose; on its own it means a bug of ours."""

    exit_code = 1


class BadInput(GlmkitError, ValueError):
    """Something the user gave cannot be used as it is: a file, a label, a parameter, a checkpoint."""

    exit_code = 2


class InUse(BadInput):
    """Another live process is at work where this one was to write."""


class NetworkError(GlmkitError):
    """A service could not be reached, or what it sent cannot be trusted."""

    exit_code = 3


class ResourceError(GlmkitError):
    """The machine lacks something: disk, memory, a device, a program, the right to write."""

    exit_code = 5


class Interrupted(GlmkitError):
    """Stopped on request (SIGINT)."""

    exit_code = 130


class Terminated(Interrupted):
    """Stopped on request (SIGTERM)."""

    exit_code = 143
