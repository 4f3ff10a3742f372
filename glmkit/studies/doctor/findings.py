"""Findings of ``glmkit doctor``: one line for each check, with a remedy if there is a problem."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, kw_only=True)
class Finding:  # numpydoc ignore=PR02
    """Result of one check.

    Parameters
    ----------
    about
        Name of the check, in one or two words.
    state
        ``ok``; ``warn`` if something is slow or unavailable; ``fail`` if glmkit cannot work.
    text
        Description of the result.
    remedy
        Suggested action, one sentence or more; empty if none is necessary.
    """

    about: str
    state: State = "ok"
    text: str
    remedy: str = ""


def show(findings: Sequence[Finding]) -> str:
    """The findings as text, one line each, remedies below, and a summary with the numbers of failures and warnings."""
    wide = max(len(finding.about) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.state:4}  {finding.about:{wide}}  {finding.text}")
        if finding.remedy:
            lines.append(f"{'':{wide + 8}}→ {finding.remedy}")
    failed, warned = (sum(finding.state == state for finding in findings) for state in ("fail", "warn"))
    verdict = f"{failed} of these must be fixed before glmkit can work." if failed else "glmkit can work here."
    return "\n".join([*lines, "", f"{verdict}{f' Warnings: {warned}.' if warned else ''}"])
