"""Counts of irregularities in accepted data, with the places of the first occurrences."""

from pathlib import Path
from typing import Any

from glmkit.files import write_json

PLACES = 5
FILE = "data_report.json"


class DataReport:
    """Counts of irregularities (remarks) in data that readers and splitters accept.

    An error stops the work; a remark does not, but it must be recorded. Readers add their remarks to the report they are
    given, and a stage writes the report to the folder of its results.

    Examples
    --------
    >>> report = DataReport()
    >>> report.count("unknown_letters", 3, "genome.fasta, line 2", of=1000)
    >>> report["unknown_letters"]
    3
    >>> print(report)
    unknown_letters: 3 (0.30%), first at genome.fasta, line 2
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
            Kind of remark, such as ``"iupac_codes"``.
        n
            Number of occurrences to add; with 0 only `of` is added.
        where
            File, record or line of the occurrence; the first five are kept.
        of
            Number of items examined, the denominator of the fraction.
        """
        self._counts[code] = self._counts.get(code, 0) + n
        self._totals[code] = self._totals.get(code, 0) + of
        places = self._places.setdefault(code, [])
        if n and where and len(places) < PLACES:
            places.append(where)

    def __getitem__(self, code: str) -> int:
        """Total count of `code`."""
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
        """Codes that occurred, each with ``count``, first ``places`` and, where the total is known, ``of`` and ``fraction``."""
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
            Target folder, created if missing.

        Returns
        -------
        Path
            Path of the written file.
        """
        path = Path(folder) / FILE
        write_json(path, self.as_dict())
        return path
