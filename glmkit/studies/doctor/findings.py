"""What ``glmkit doctor`` found: one line a thing looked at, and what to do where it is not well."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, kw_only=True)
class Finding:  # numpydoc ignore=PR02
    """One thing that was looked at.

    Parameters
    ----------
    about
        What it is, in a word or two.
    state
        ``ok``; ``warn`` where something will be slower or missing; ``fail`` where glmkit cannot work.
    says
        What was found.
    remedy
        What to do, a sentence; empty if nothing has to be done.
    """

    about: str
    state: State = "ok"
    says: str
    remedy: str = ""


def show(findings: Sequence[Finding]) -> str:
    """The findings as text, a line each, remedies below, and how many of them are not well."""
    wide = max(len(finding.about) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.state:4}  {finding.about:{wide}}  {finding.says}")
        if finding.remedy:
            lines.append(f"{'':{wide + 8}}→ {finding.remedy}")
    failed, warned = (sum(finding.state == state for finding in findings) for state in ("fail", "warn"))
    verdict = f"{failed} of these must be mended before glmkit can work." if failed else "glmkit can work here."
    return "\n".join([*lines, "", f"{verdict}{f' {warned} could be better.' if warned else ''}"])
