"""``glmkit doctor``: is everything here that glmkit needs, and if not, what to do."""

from glmkit.errors import ResourceError
from glmkit.studies.doctor.findings import Finding, show
from glmkit.studies.doctor.machine import examine_machine
from glmkit.studies.doctor.software import examine_software


def examine() -> list[Finding]:
    """Everything that is looked at: the machine first, then the software."""
    return [*examine_machine(), *examine_software()]


def exit_code(findings: list[Finding]) -> int:
    """0, or that of a lacking resource if something that glmkit cannot do without is broken."""
    return ResourceError.exit_code if any(finding.state == "fail" for finding in findings) else 0


def print_findings() -> int:
    """Look at everything, print it, and return the exit code."""
    findings = examine()
    print(show(findings))
    return exit_code(findings)
