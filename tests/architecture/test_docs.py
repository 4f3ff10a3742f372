"""README, guide and notebooks: links resolve, code and commands are valid, and the site's contents are complete."""

import ast
import re
import shlex
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
import yaml

import glmkit
from glmkit.studies.study.plan import make_plan, parse_settings
from glmkit.studies.study.study_file import load_study
from tests.architecture.graph import ROOT, faces, folders, modules
from tests.docs.api import canonical_names, documented, names_in, opened
from tests.docs.contents import GUIDE, NOTEBOOKS, guide_groups, links, notebook_groups

GUIDE_PAGES = sorted((ROOT / "notebooks/guide").glob("*.md"))
PAGES = [ROOT / "README.md", *GUIDE_PAGES]
LINKED = [*PAGES, *(ROOT / name for name in ("CHANGELOG.md", "SECURITY.md", "widgets/README.md", NOTEBOOKS))]
LINES = 120
_IMAGE = re.compile(r'<img src="([^"]+)"')
_ROLE = re.compile(r":(?:func|class|meth|attr|data|mod|exc):`~?(glmkit\.[\w.]+)`")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(path: Path, language: str) -> list[str]:
    """The fenced code blocks of a page in one language."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"))


def unresolved(text: str, folder: Path) -> list[str]:
    """Relative links and images of a text that lead to no file."""
    return [link for link in [*links(text), *_IMAGE.findall(text)] if not (folder / link).exists()]


def missing_names(code: str) -> list[str]:
    """Names of glmkit that some code imports and that do not exist."""
    return sorted(name for name in names_in(ast.parse(code)) if opened(name) is None)


def commands(text: str) -> list[list[str]]:
    """Arguments of every ``glmkit`` command that reads a study, comments left out."""
    lines = [line.strip() for line in text.replace("\\\n", " ").splitlines()]
    words = [shlex.split(line, comments=True) for line in lines if re.match(r"(\S+/)?glmkit (run|check|schedule) ", line)]
    return [rest for _, _, *rest in words if rest[0] not in ("list", "remove")]


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= LINES


def test_the_results_of_the_readme_are_those_of_the_guide() -> None:
    rows = [line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if re.match(r"\|.*\[\.\d+, ", line)]
    assert rows
    assert set(rows) <= set((ROOT / "notebooks/guide/results.md").read_text(encoding="utf-8").splitlines())


def test_every_page_and_notebook_is_in_the_contents_once() -> None:
    pages = [page for _, names in guide_groups() for page in names]
    assert sorted(pages) == [path.name for path in GUIDE_PAGES if path != ROOT / GUIDE]
    notebooks = [name for _, names in notebook_groups() for name in names]
    assert sorted(notebooks) == sorted(
        str(path.relative_to(ROOT / "notebooks")) for path in (ROOT / "notebooks").glob("*/*.ipynb")
    )


def test_every_study_is_in_the_table() -> None:
    studies = {str(path.relative_to(ROOT / "notebooks")) for path in (ROOT / "notebooks/studies").glob("*.yaml")}
    assert studies <= set(links((ROOT / NOTEBOOKS).read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", LINKED, ids=name_of)
def test_links_resolve(path: Path) -> None:
    assert unresolved(path.read_text(encoding="utf-8"), path.parent) == []


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*/*.ipynb")), ids=name_of)
def test_links_of_notebooks_resolve(path: Path) -> None:
    cells = nbformat.read(path, 4).cells
    assert unresolved("\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown"), path.parent) == []


def test_a_broken_link_is_found() -> None:
    text = "[a](no.md) [b](README.md#two-commands) [c](https://host/x) ![d](no.png)\n```\n[e](code.md)\n```\n"
    assert unresolved(text, ROOT) == ["no.md", "no.png"]
    assert unresolved('<img src="no.svg" width="640">', ROOT) == ["no.svg"]


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_python_blocks_parse_and_their_imports_exist(path: Path) -> None:
    assert [(code, found) for code in blocks(path, "python") if (found := missing_names(code))] == []


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_names_in_the_text_exist(path: Path) -> None:
    text = re.sub(r"(?ms)^```.*?^```", "", path.read_text(encoding="utf-8"))
    named = {name for name in re.findall(r"`(glmkit\.[\w.]+)`", text) if not name.endswith(".toml")}
    assert sorted(name for name in named if opened(name) is None) == []


def test_a_name_that_does_not_exist_is_found() -> None:
    code = "import glmkit\nfrom glmkit.score import embed, no_such_verb\nfrom glmkit import plot\nplot.logoo\nglmkit.data.splits.nothing"
    assert missing_names(code) == ["glmkit.data.splits.nothing", "glmkit.plot.logoo", "glmkit.score.no_such_verb"]


@pytest.mark.parametrize("path", [path for path in PAGES if "`glmkit/" in path.read_text(encoding="utf-8")], ids=name_of)
def test_paths_of_files_in_the_text_exist(path: Path) -> None:
    paths = re.findall(r"`((?:glmkit|tests|widgets|notebooks)/[\w./]+)`", path.read_text(encoding="utf-8"))
    assert paths
    assert [name for name in paths if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_study_files_in_the_text_are_valid(path: Path, tmp_path: Path) -> None:
    """Keys, notebooks and every parameter, as ``glmkit check`` does; a block without a name is a part of a study file."""
    for number, text in enumerate(blocks(path, "yaml")):
        content = yaml.safe_load(text)
        if "name" in content:
            study = tmp_path / f"{number}.yaml"
            study.write_text(text, encoding="utf-8")
            assert make_plan(load_study(study)).study == content["name"]


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_commands_in_the_text_name_studies_and_parameters_that_exist(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for study, *rest in [words for text in blocks(path, "(?:sh|bash)") for words in commands(text)]:
        settings = [value for option, value in pairwise(rest) if option == "--set"]
        assert make_plan(load_study(study), None, parse_settings(settings)).stages


def test_commands_are_found() -> None:
    text = "glmkit run a --set \\\n    b.c='[\"x\"]'   # why\n.venv/bin/glmkit check d\nglmkit schedule list\nmake lab"
    assert commands(text) == [["a", "--set", 'b.c=["x"]'], ["d"]]


def test_the_package_map_names_every_package_and_ground_module() -> None:
    text = (ROOT / "notebooks/guide/architecture.md").read_text(encoding="utf-8")
    first = [
        cell for line in text.splitlines() if line.startswith("| `") for cell in re.findall(r"`([\w.]+)`", line.split("|")[1])
    ]
    ground = [name for name, path in modules().items() if name.count(".") == 1 and path.name != "__init__.py"]
    expected = {name.removeprefix("glmkit.") for name in [*folders(), *ground]} - {"glmkit"}
    assert sorted(expected - set(first)) == []
    assert sorted(name for name in first if f"glmkit.{name}" not in modules() and not (ROOT / name).exists()) == []


def test_references_in_docstrings_exist() -> None:
    """Roles such as ``:func:`` in docstrings; the site fails on them too."""
    found = {(module, name) for module, path in modules().items() for name in _ROLE.findall(path.read_text(encoding="utf-8"))}
    assert sorted(f"{module}: {name}" for module, name in found if opened(name) is None) == []


def test_the_reference_describes_every_export_once() -> None:
    packages = faces()
    targets = {target for names in documented().values() for target in names.values()}
    assert {name.rpartition(".")[0] for name in targets} <= set(packages)
    definitions = {f"{module}.{name}" for names in packages.values() for name, module in names.items()}
    assert len(targets) == len(definitions)
    assert {canonical_names()[definition] for definition in definitions} == targets


def test_the_citation_has_the_version_of_the_package() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == glmkit.__version__
