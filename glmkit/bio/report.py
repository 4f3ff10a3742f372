"""What was accepted with a remark: each kind of remark, how often, and the first places."""

from pathlib import Path
from typing import Any

from glmkit.files import write_json

PLACES = 5
FILE = "data_report.json"


class DataReport:
    """Counts of the remarks that readers and splitters make about data they accept.

    An error stops the work; a remark does not, but it must not be lost either. A reader given a report counts here, and the
    stage writes it beside its results.
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._totals: dict[str, int] = {}
        self._places: dict[str, list[str]] = {}

    def count(self, code: str, n: int = 1, where: str = "", of: int = 0) -> None:
        """Add `n` to the remark `code`.

        Parameters
        ----------
        code
            The kind of remark, such as ``"iupac_codes"``.
        n
            How many more; with 0 only `of` is added.
        where
            File, record or line; the first five are kept.
        of
            How many there could have been, which gives a fraction.
        """
        self._counts[code] = self._counts.get(code, 0) + n
        self._totals[code] = self._totals.get(code, 0) + of
        places = self._places.setdefault(code, [])
        if n and where and len(places) < PLACES:
            places.append(where)

    def __getitem__(self, code: str) -> int:
        """How often `code` was counted."""
        return self._counts.get(code, 0)

    def __str__(self) -> str:
        lines = []
        for code, entry in self.as_dict().items():
            share = f" ({entry['fraction']:.2%})" if "fraction" in entry else ""
            lines.append(
                f"{code}: {entry['count']:,}{share}" + (f", first at {'; '.join(entry['places'])}" if entry["places"] else "")
            )
        return "\n".join(lines) or "no remarks"

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Each code that occurred with its ``count``, its first ``places`` and, where a total is known, its ``fraction``."""
        return {
            code: {"count": n, "places": list(self._places[code])}
            | ({"of": self._totals[code], "fraction": n / self._totals[code]} if self._totals[code] else {})
            for code, n in sorted(self._counts.items())
            if n
        }

    def write(self, folder: str | Path) -> Path:
        """Write ``data_report.json``.

        Parameters
        ----------
        folder
            Where to; made if missing.

        Returns
        -------
        Path
            The file.
        """
        path = Path(folder) / FILE
        write_json(path, self.as_dict())
        return path
