"""The exception hierarchy. Each class carries the exit code that the command line returns for it.

The text of an error names the expected value, the value found, its place (file, record, line) and the remedy. Callers add
context with ``add_note``; they do not wrap one error in another.
"""


class GlmkitError(Exception):
    """Base class of all errors that glmkit raises; raised directly, it marks an internal error."""

    exit_code = 1


class BadInput(GlmkitError, ValueError):
    """Input that cannot be used as given: a file, a label, a parameter, a checkpoint."""

    exit_code = 2


class InUse(BadInput):
    """Another live process holds the lock on a path that this process needs to write."""


class NetworkError(GlmkitError):
    """A service could not be reached, or its response failed verification."""

    exit_code = 3


class ResourceError(GlmkitError):
    """A resource of the machine is missing: disk space, memory, a device, a program, write permission."""

    exit_code = 5


class Interrupted(GlmkitError):
    """Stopped on request (SIGINT)."""

    exit_code = 130


class Terminated(Interrupted):
    """Stopped on request (SIGTERM)."""

    exit_code = 143
