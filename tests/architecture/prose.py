"""Texts of the project that people read, with file and line; ``python -m tests.architecture.prose`` counts the words that they avoid."""

import ast
import io
import json
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]

# Words that a methods section would not use: code is no person, and the field has its own terms.
AVOIDED = re.compile(
    r"\b(?:of ours|the world's|whoever|foretells?|earns? (?:its|their) keep|beside its|here lies|hears?|heard|knows|tells|asks|wants"
    r"|stands?(?![- ]?in\b)(?!alone)|standing|bug of ours|speaks? of|to speak of)\b",
    re.IGNORECASE,
)
# Terms of statistics, computing and English in which such a word is right.
ALLOWED = re.compile(r"long-?standing|standing (?:wave|order)|stand-?alone|as it stands|stand up", re.IGNORECASE)


class Text(NamedTuple):
    """One text: file, line, and what it says."""

    path: str
    line: int
    text: str


def python_texts(path: Path, root: Path = ROOT) -> Iterator[Text]:
    """Docstrings, comments and messages (string literals of two words or more) of a Python file."""
    source, name = path.read_text(), str(path.relative_to(root))
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Text(name, token.start[0], token.string)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value.split()) > 1:
            for number, line in enumerate(node.value.splitlines()):
                yield Text(name, node.lineno + number, line)


def notebook_texts(path: Path, root: Path = ROOT) -> Iterator[Text]:
    """Lines of a notebook's cells; of a code cell comments and strings are lines too."""
    for number, cell in enumerate(json.loads(path.read_text())["cells"]):
        for line in "".join(cell["source"]).splitlines():
            yield Text(f"{path.relative_to(root)}#cell{number}", 1, line)


def page_texts(path: Path, root: Path = ROOT) -> Iterator[Text]:
    """Lines of a page."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        yield Text(str(path.relative_to(root)), number, line)


def texts(root: Path = ROOT) -> Iterator[Text]:
    """All texts of the package, the widgets, the notebooks and the pages."""
    for folder in ("glmkit", "widgets"):
        for path in sorted((root / folder).rglob("*.py")):
            yield from python_texts(path, root)
        for pattern in ("*.j2", "*.md"):
            for path in sorted((root / folder).rglob(pattern)):
                yield from page_texts(path, root)
    for path in sorted((root / "notebooks").rglob("*.ipynb")):
        if ".ipynb_checkpoints" not in path.parts:
            yield from notebook_texts(path, root)
    for path in [*sorted((root / "notebooks").rglob("*.md")), *sorted((root / "notebooks").rglob("*.yaml")), root / "README.md"]:
        yield from page_texts(path, root)


def avoided(found: Iterator[Text]) -> list[tuple[Text, str]]:
    """Texts with an avoided word, and the word."""
    return [(text, match[0].lower()) for text in found for match in AVOIDED.finditer(ALLOWED.sub("", text.text))]


if __name__ == "__main__":
    root = Path(sys.argv[1]).resolve() if sys.argv[1:] else ROOT
    hits = avoided(texts(root))
    print(f"{len(hits)} avoided words: {dict(Counter(word for _, word in hits).most_common())}")
    for text, word in hits[: int(sys.argv[2]) if sys.argv[2:] else 0]:
        print(f"{text.path}:{text.line} [{word}] {text.text.strip()[:150]}")
