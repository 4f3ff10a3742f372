"""``glmkit doctor``: check that the requirements of glmkit are met, and suggest remedies."""

from glmkit.errors import ResourceError
from glmkit.studies.doctor.findings import Finding, show
from glmkit.studies.doctor.machine import examine_machine
from glmkit.studies.doctor.software import examine_software


def examine() -> list[Finding]:
    """All findings: those on the machine first, then those on the software."""
    return [*examine_machine(), *examine_software()]


def exit_code(findings: list[Finding]) -> int:
    """Exit code: 5 (resources) if a requirement is not met, else 0."""
    return ResourceError.exit_code if any(finding.state == "fail" for finding in findings) else 0


def print_findings() -> int:
    """Run all checks, print the findings, and return the exit code."""
    findings = examine()
    print(show(findings))
    return exit_code(findings)
