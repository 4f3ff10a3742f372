"""Build the documentation site from the repository, offline: ``python -m tests.docs``, or ``make docs``.

The pages are collected below ``dist/docs/source`` in the layout of the repository, so that one relative link serves a reader of
the repository and a reader of the site. The table of contents of the site is the order of the links in two pages,
notebooks/guide/README.md and notebooks/README.md. Warnings are errors; so a broken internal link fails the build.
"""

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from sphinx.cmd.build import main as sphinx

from tests.architecture.graph import ROOT
from tests.docs.api import pages
from tests.docs.contents import GUIDE, NOTEBOOKS, guide_groups, notebook_groups

TO = ROOT / "dist/docs"
COPIED = ("notebooks/**/*.md", "notebooks/*/*.ipynb", "notebooks/studies/*.yaml", "notebooks/pictures/*.png")
ALSO = {
    "Widgets": "widgets/README.md",
    "Benchmarks": "tests/benchmarks/RESULTS.md",
    "Sample data": "glmkit/acquire/sample_data/README.md",
    "Security": "SECURITY.md",
}


def sources() -> dict[str, str | Path]:
    """Every file of the site by its path: a text, or the file that is copied."""
    found: dict[str, str | Path] = {
        str(path.relative_to(ROOT)): path for pattern in COPIED for path in sorted(ROOT.glob(pattern)) if path.is_file()
    }
    found |= {name: ROOT / name for name in (*ALSO.values(), "CHANGELOG.md", "CITATION.cff")}
    found |= {f"api/{name}.rst": text for name, text in pages()}
    top = [GUIDE, NOTEBOOKS, "api/index", "CHANGELOG.md"]
    found["index.md"] = (ROOT / "README.md").read_text(encoding="utf-8") + toctrees([("", top)])
    more = [("More", [f"{title} </{name.removesuffix('.md')}>" for title, name in ALSO.items()])]
    found[GUIDE] = (ROOT / GUIDE).read_text(encoding="utf-8") + toctrees([*guide_groups(), *more])
    found[NOTEBOOKS] = (ROOT / NOTEBOOKS).read_text(encoding="utf-8") + toctrees(notebook_groups())
    return found


def toctrees(groups: Iterable[tuple[str, list[str]]]) -> str:
    """Hidden tables of contents in MyST, each with its caption."""
    text = ""
    for caption, names in groups:
        lines = [":hidden:", *([f":caption: {caption}"] if caption else []), "", *(name.removesuffix(".md") for name in names)]
        text += "\n```{toctree}\n" + "\n".join(lines) + "\n```\n"
    return text


def collect(folder: Path) -> None:
    """Write the sources below `folder`."""
    for name, content in sources().items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            shutil.copy2(content, target)
        else:
            target.write_text(content, encoding="utf-8")


def main() -> int:
    """Build the site and return Sphinx's exit code."""
    shutil.rmtree(TO, ignore_errors=True)  # Sphinx repeats no warning of a page that it does not read again
    collect(TO / "source")
    jobs = str(min(2, os.cpu_count() or 1))
    options = ["-b", "html", "-W", "--keep-going", "-q", "-j", jobs, "-c", str(Path(__file__).parent), "-d", str(TO / "doctrees")]
    code = sphinx([*options, str(TO / "source"), str(TO / "html")])
    print(f"site: {TO / 'html/index.html'}" if code == 0 else "The site was not built; see the warnings above.", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
