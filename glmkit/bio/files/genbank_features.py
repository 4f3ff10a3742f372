"""The feature table of a GenBank record."""

import re
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from glmkit.bio.files.genbank_location import parse_location
from glmkit.bio.records import Feature
from glmkit.bio.report import DataReport
from glmkit.errors import BadInput

_MARGIN = " " * 21
_NEXT_KEY = re.compile(r"\n {5}(?! )")
_NAME = re.compile(r"[\w'*-]+")
# Qualifiers whose values are continuous text without blanks: continuation lines are joined directly.
_SOLID = {"translation", "rpt_unit_seq"}
_COMMON = {"codon_start", "gene", "locus_tag", "note", "product", "protein_id", "transl_table", "translation"}
_NUMBERS = {"codon_start": ("1", "2", "3"), "transl_table": ()}


def parse_features(
    table: str, first_line: int, path: Path, reference: str, length: int, circular: bool, report: DataReport
) -> tuple[Feature, ...]:
    """Parse the feature table of a record.

    Parameters
    ----------
    table
        Text of the table without the line FEATURES.
    first_line
        Line number in the file of the first line of the table.
    path
        Path of the file, for messages.
    reference, length, circular
        Id of the record, its length in bases, and whether it is circular.
    report
        Report to which remarks are added.

    Returns
    -------
    tuple of Feature
        Features in file order.

    Raises
    ------
    BadInput
        A line, location or qualifier is malformed.
    """
    features: list[Feature] = []
    lead, *blocks = _NEXT_KEY.split("\n" + table)
    line = first_line
    if lead.strip():
        raise _stray(lead.strip("\n"), _Place(path, line, reference, "FEATURES"))
    line += max(0, lead.count("\n") - 1)
    for block in blocks:
        head, *chunks = block.split(f"\n{_MARGIN}/")
        kind, _, text = head.partition(" ")
        place = _Place(path, line, reference, kind)
        line += block.count("\n") + 1
        if "\n" in head:
            text = "".join(_continued(text, place))
        location = parse_location(text.replace(" ", ""), reference, length, circular, place)
        qualifiers = _qualifiers(chunks, place)
        if location.remote:
            report.count("remote_locations", 1, str(place))
        if location.crosses_origin and "trans_splicing" in qualifiers:
            location = replace(location, crosses_origin=False)
        features.append(Feature(kind, location, qualifiers))
    return tuple(features)


class _Place(NamedTuple):
    """File, line, record and feature; formatted only for a message, because most features need none."""

    path: Path
    line: int
    record: str
    kind: str

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}, record {self.record!r}, {self.kind}"


def _stray(line: str, place: object) -> BadInput:
    return BadInput(
        f"{place}: {line[:60]!r} is not a line of a feature table: expected a feature key in column 6 or a qualifier in "
        "column 22. Correct or remove the line."
    )


def _continued(text: str, place: object) -> list[str]:
    """The lines of a location or value, without their margin."""
    first, *others = text.split("\n")
    for line in others:
        if not line.startswith(_MARGIN) and line.strip():
            raise _stray(line, place)
    return [first.rstrip(), *(line[21:].rstrip() for line in others if line.strip())]


def _qualifiers(chunks: list[str], place: object) -> dict[str, list[str]]:
    """Map of name to values. A quoted value ends where its quotes balance; a slash inside it does not start a qualifier."""
    found: dict[str, list[str]] = {}
    waiting = iter(chunks)
    for chunk in waiting:
        name, _, value = chunk.partition("=")
        if value.startswith('"'):
            while value.count('"') % 2:
                more = next(waiting, None)
                if more is None:
                    raise BadInput(
                        f"{place}: the value of /{name} is not closed by a quotation mark. Correct it; the record may be "
                        "truncated."
                    )
                value = f"{value}\n{_MARGIN}/{more}"
        if "\n" in value:
            value = ("" if name in _SOLID or value[0] != '"' else " ").join(_continued(value, place))
        value = value.rstrip()
        if value.startswith('"'):
            if not value.endswith('"'):
                raise BadInput(f"{place}: text follows the closing quotation mark of /{name}. Correct the line.")
            value = value[1:-1].replace('""', '"')
        name = name.rstrip()
        if name not in _COMMON:
            _check_name(name, place)
        if name in _NUMBERS:
            _check_number(name, value, place)
        found.setdefault(name, []).append(value)
    return found


def _check_name(name: str, place: object) -> None:
    if not _NAME.fullmatch(name):
        raise BadInput(f"{place}: '/{name[:60]}' is not a qualifier: expected /name or /name=value. Correct the line.")


def _check_number(name: str, value: str, place: object) -> None:
    allowed = _NUMBERS[name]
    if not value.isdigit() or (allowed and value not in allowed):
        expected = f"one of {', '.join(allowed)}" if allowed else "NCBI's number of a genetic code"
        raise BadInput(f"{place}: /{name}={value}: expected {expected}. Correct the record.")
