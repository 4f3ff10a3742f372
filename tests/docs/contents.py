"""The table of contents of the site, taken from the links of two pages."""

import re

from tests.architecture.graph import ROOT

GUIDE = "notebooks/guide/README.md"
NOTEBOOKS = "notebooks/README.md"
_CAPTIONS = {"dna": "DNA", "protein": "Proteins", "cells": "Cells"}
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)[^)]*\)")


def links(text: str) -> list[str]:
    """Relative targets of the links of a Markdown text, code blocks left out."""
    return _LINK.findall(re.sub(r"(?ms)^```.*?^```", "", text))


def guide_groups() -> list[tuple[str, list[str]]]:
    """Pages of the guide below each heading of its first page, in order."""
    sections = re.split(r"(?m)^## (.+)$", (ROOT / GUIDE).read_text(encoding="utf-8"))[1:]
    return [(caption, links(text)) for caption, text in zip(sections[::2], sections[1::2], strict=True)]


def notebook_groups() -> list[tuple[str, list[str]]]:
    """Notebooks in the order of their table, by folder, each group with its caption."""
    names = [link for link in links((ROOT / NOTEBOOKS).read_text(encoding="utf-8")) if link.endswith(".ipynb")]
    return [(caption, [name for name in names if name.startswith(f"{folder}/")]) for folder, caption in _CAPTIONS.items()]
