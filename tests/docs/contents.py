"""The table of contents of the site, taken from the links of two pages."""

import re
from pathlib import PurePosixPath

from tests.architecture.graph import ROOT

GUIDE = "notebooks/guide/README.md"
NOTEBOOKS = "notebooks/README.md"
_CAPTIONS = {"dna": "DNA", "protein": "Proteins", "cells": "Cells"}
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)[^)]*\)")


def links(text: str) -> list[str]:
    """Relative targets of the links of a Markdown text, code blocks left out."""
    return _LINK.findall(re.sub(r"(?ms)^```.*?^```", "", text))


def linked(page: str, suffixes: tuple[str, ...] = (".md",)) -> list[str]:
    """Pages beside or below `page` that it links to, in its order, relative to it and without suffix."""
    found = [PurePosixPath(link) for link in links((ROOT / page).read_text(encoding="utf-8"))]
    inside = [link for link in found if link.suffix in suffixes and ".." not in link.parts]
    return [str(link.with_suffix("")) for link in dict.fromkeys(inside)]


def notebook_groups() -> list[tuple[str, list[str]]]:
    """Notebooks in the order of their table, by folder, each group with its caption."""
    names = linked(NOTEBOOKS, (".ipynb",))
    return [(caption, [name for name in names if name.startswith(f"{folder}/")]) for folder, caption in _CAPTIONS.items()]
