"""A signature as a table for the terminal."""

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from glmkit.studies.study.signature import Signature


def signature_table(signature: Signature, given: Mapping[str, Any] | None = None) -> str:
    """Name, type, range, value and help of each parameter, one a line.

    Parameters
    ----------
    signature
        From :func:`glmkit.studies.study.signature.read_signature`.
    given
        What a study gives instead of the default; marked with ``*``.
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
    """Rows of equally many texts as aligned columns; the first row is the head."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
