"""The feature table of a GenBank record."""

import re
from dataclasses import replace

from glmkit.bio.genbank_location import parse_location
from glmkit.bio.records import Feature
from glmkit.bio.report import DataReport
from glmkit.errors import BadInput

_MARGIN = " " * 21
_QUALIFIER = re.compile(r"/([\w'*-]+)(?:=(.*))?", re.DOTALL)
# Values that are words broken at a line's end, not prose: their pieces are joined without a blank.
_SOLID = {"translation", "rpt_unit_seq"}


def parse_features(
    lines: list[str], first_line: int, where: str, reference: str, length: int, circular: bool, report: DataReport
) -> tuple[Feature, ...]:
    """Read the lines below FEATURES.

    Parameters
    ----------
    lines
        The table without its title line.
    first_line
        The file's number of the first of them.
    where
        File and record with a place for ``{line}``, for messages.
    reference, length, circular
        The record's id, bases and shape.
    report
        Where remarks are counted.

    Returns
    -------
    tuple of Feature
        In file order.

    Raises
    ------
    BadInput
        A line, location or qualifier cannot be read.
    """
    features: list[Feature] = []
    for number, block in _blocks(lines, first_line, where):
        place = where.replace("{line}", str(number))
        kind, _, text = block[0][5:].partition(" ")
        first = next((at for at, line in enumerate(block) if at and line.startswith("/", 21)), len(block))
        place = f"{place}, {kind}"
        location = parse_location("".join([text, *block[1:first]]).replace(" ", ""), reference, length, circular, place)
        qualifiers = _qualifiers(block[first:], place)
        if location.remote:
            report.count("remote_locations", 1, place)
        if location.crosses_origin and "trans_splicing" in qualifiers:
            location = replace(location, crosses_origin=False)
        feature = Feature(kind, location, qualifiers)
        _check_numbers(feature, place)
        features.append(feature)
    return tuple(features)


def _blocks(lines: list[str], first_line: int, where: str) -> list[tuple[int, list[str]]]:
    """The lines of each feature and the number of its first."""
    blocks: list[tuple[int, list[str]]] = []
    for number, line in enumerate(lines, first_line):
        if line.startswith(_MARGIN):
            if blocks:
                blocks[-1][1].append(line)
                continue
        elif line.startswith("     ") and line[5:6].strip():
            blocks.append((number, [line]))
            continue
        if line.strip():
            raise BadInput(
                f"{where.replace('{line}', str(number))}: {line[:60]!r} is no line of a feature table: expected a feature key in column 6 or a "
                "qualifier in column 22. Correct the line, or remove what does not belong."
            )
    return blocks


def _qualifiers(lines: list[str], place: str) -> dict[str, list[str]]:
    """Name to values. A quoted value ends where its quotes balance; a slash inside it starts no new qualifier."""
    found: dict[str, list[str]] = {}
    pieces: list[str] = []
    quotes = 0
    for line in lines:
        if pieces and (quotes % 2 or not line.startswith("/", 21)):
            pieces.append(line[21:].rstrip())
            quotes += line.count('"')
            continue
        if pieces:
            _add(found, pieces, place)
        pieces = [line[21:].rstrip()]
        quotes = line.count('"')
    if pieces:
        if quotes % 2:
            raise BadInput(
                f"{place}: the value of {pieces[0][:40]!r} is not closed by a quotation mark. Correct it; the record may be cut."
            )
        _add(found, pieces, place)
    return found


def _add(found: dict[str, list[str]], pieces: list[str], place: str) -> None:
    matched = _QUALIFIER.fullmatch(pieces[0])
    if not matched:
        raise BadInput(f"{place}: {pieces[0][:60]!r} is no qualifier: expected /name or /name=value. Correct the line.")
    name, value = matched[1], matched[2] or ""
    if len(pieces) > 1:
        link = "" if name in _SOLID or not value.startswith('"') else " "
        value = link.join([value, *pieces[1:]])
    if value.startswith('"'):
        if len(value) < 2 or not value.endswith('"'):
            raise BadInput(f"{place}: text follows the closing quotation mark of /{name}. Correct the line.")
        value = value[1:-1].replace('""', '"')
    found.setdefault(name, []).append(value)


def _check_numbers(feature: Feature, place: str) -> None:
    for name, allowed in (("codon_start", "123"), ("transl_table", None)):
        for value in feature.qualifiers.get(name, ()):
            if not value.isdigit() or (allowed and value not in allowed):
                expected = "1, 2 or 3" if allowed else "NCBI's number of a genetic code"
                raise BadInput(f"{place}: /{name}={value}: expected {expected}. Correct the record.")
