"""The parameters of a notebook as a table for the terminal."""

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from glmkit.studies.study.signature import Signature


def signature_table(signature: Signature, given: Mapping[str, Any] | None = None) -> str:
    """Table with the name, type, range, value and help text of each parameter.

    Parameters
    ----------
    signature
        Signature, as returned by :func:`glmkit.studies.study.signature.read_signature`.
    given
        Values by name that a study sets instead of the defaults; marked with ``*``.
    """
    given = given or {}
    rows = [["parameter", "type", "range", "value", "help"]]
    for name, parameter in signature.parameters.items():
        value = f"{given[name]!r} *" if name in given else repr(parameter.default)
        rows.append([name, parameter.type, parameter.range, value, parameter.help])
    widths = [min(40, max(len(row[column]) for row in rows)) for column in range(4)]
    room = max(30, shutil.get_terminal_size((120, 24)).columns - sum(widths) - 8)
    lines = []
    for row in rows:
        start = "  ".join(text.ljust(width) for text, width in zip(row[:4], widths, strict=True))
        for number, text in enumerate(textwrap.wrap(row[4], room) or [""]):
            lines.append(f"{start if number == 0 else ' ' * len(start)}  {text}".rstrip())
    return "\n".join(lines)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Format rows of texts, all of the same length, as aligned columns; the first row is the header."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
