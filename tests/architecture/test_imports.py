"""Imports point down, between packages and inside them, and no circle joins files or folders."""

from pathlib import Path

import pytest

from tests.architecture.graph import ROOT, circle, edges, faces, files_in, folders, imports, modules, nodes_within

GROUND = ["errors", "files", "axes", "programs", "extras", "statistics"]
SCIENCE = ["bio", "acquire", "tokens", "data", "models", "train", "score", "evaluate", "interpret", "plot"]
# A package may import the ground floor, itself, and what is listed here.
MAY_IMPORT: dict[str, set[str]] = {room: set(SCIENCE[: SCIENCE.index(room)]) for room in SCIENCE}
MAY_IMPORT["plot"] = {"bio"}  # figures come from arrays, never from models
MAY_IMPORT["studies"] = set()
MAY_IMPORT["cli"] = {"studies"}
MAY_IMPORT["errors"] = MAY_IMPORT["axes"] = set()
MAY_IMPORT["files"] = MAY_IMPORT["programs"] = MAY_IMPORT["extras"] = MAY_IMPORT["statistics"] = {"errors"}

# Inside a package: files and subpackages from the lowest to the highest; a row imports only rows before it.
ORDER: dict[str, list[str]] = {
    "acquire": ["http card", "fetch_job packages", "registry services", "_acquire"],
    "bio": ["alphabets report sequence", "genetic_codes mutation records", "coding files", "cells genome"],
    "data": ["_annotate _cell_labels gene_graph labels", "corpora search", "splits", "leakage windows"],
    "evaluate": ["method metrics", "estimators tasks", "baselines", "diagnostics", "results", "card", "protocols"],
    "evaluate.baselines": ["base", "dna", "markov protein", "cells lstm lstm_lm"],
    "interpret": ["attribution snps", "genes motif_discovery"],
    "models": ["networks", "language_model", "families heads", "formats", "adapter", "load_save"],
    "score": [
        "windows",
        "_contacts _embed _predict_modality classify dense likelihood regress unmask",
        "_perturb _mutations perplexity _generate",
        "_landscape",
    ],
    "studies": ["files", "kernels", "study", "tracking", "notebook schedule doctor lab", "report", "run"],
    "tokens": ["tokenizer ragged names", "sequences", "cells", "_published registry", "store"],
    "train": ["freezing budget objectives", "_lora loop", "_preflight distributed"],
}
MOST_FILES = 15

# What one package imports from inside another, past its public API. The list may only shrink.
PAST_THE_API = {
    "glmkit.bio.mutation.STOP",
    "glmkit.bio.mutation.apply",
    "glmkit.data._cell_labels.as_text",
    "glmkit.data._cell_labels.obs_column",
    "glmkit.data.gene_graph.GeneGraph",
    "glmkit.data.search.blast.MOST",
    "glmkit.models.language_model.Config",
    "glmkit.models.language_model.new_network",
    "glmkit.score._perturb.gene_tokens",
    "glmkit.tokens._published.FILES",
    "glmkit.tokens._published.SPECIAL_OF",
    "glmkit.tokens.cells.csr_blocks.CHUNK",
    "glmkit.tokens.names.NamesFile",
    "glmkit.tokens.tokenizer.FORMAT",
    "glmkit.tokens.tokenizer.as_ids",
    "glmkit.tokens.tokenizer.smallest_dtype",
}
EDGES = edges()


def violations(path: Path, source: str) -> list[str]:
    """Packages that a file of glmkit imports against the order."""
    parts = path.relative_to(ROOT / "glmkit").with_suffix("").parts
    imported = {origin.split(".")[1] if "." in origin else name for origin, name in imports(source, ".".join(("glmkit", *parts)))}
    imported -= {"__version__"}
    room = parts[0]
    if room == "__init__":
        return [f"glmkit/__init__.py imports {other}" for other in imported]
    if room not in MAY_IMPORT:
        return [f"{room} has no place in the order"]
    allowed = MAY_IMPORT[room] | {room} | (set() if room in GROUND else set(GROUND))
    return [f"{path.relative_to(ROOT)} imports glmkit.{other}" for other in sorted(imported - allowed)]


@pytest.mark.parametrize("path", modules().values(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    assert violations(path, path.read_text()) == []


def test_the_check_can_fail() -> None:
    path = ROOT / "glmkit" / "tokens" / "made_up.py"
    assert violations(path, "from glmkit.models import load") == ["glmkit/tokens/made_up.py imports glmkit.models"]
    assert violations(path, "def f():\n    import glmkit.studies.engine")
    assert violations(path, "from ..train import loop")
    assert violations(path, "from glmkit import evaluate")
    assert violations(path, "from glmkit.bio import Interval\nfrom .base import x\nfrom glmkit.errors import BadInput") == []
    assert violations(ROOT / "glmkit" / "studies" / "made_up.py", "import glmkit.bio.records")


def test_no_circle_of_files() -> None:
    assert circle(EDGES) == []


@pytest.mark.parametrize("folder", folders())
def test_no_circle_of_folders(folder: str) -> None:
    assert circle(nodes_within(folder, EDGES)) == []


def test_a_circle_is_found() -> None:
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}
    graph = {"glmkit.x.one.a": {"glmkit.x.two.b"}, "glmkit.x.two.c": {"glmkit.x.one.d"}, "glmkit.x.two.b": set()}
    assert circle(graph) == []
    assert set(circle(nodes_within("glmkit.x", graph))) == {"one", "two"}


@pytest.mark.parametrize("package", [name for name in folders() if any(x.startswith(f"{name}.") for x in folders())])
def test_a_package_with_subpackages_has_an_order(package: str) -> None:
    assert package == "glmkit" or package.removeprefix("glmkit.") in ORDER


@pytest.mark.parametrize("package", sorted(ORDER))
def test_subpackages_keep_their_order(package: str) -> None:
    rows = [row.split() for row in ORDER[package]]
    level = {name: number for number, row in enumerate(rows) for name in row}
    within = nodes_within(f"glmkit.{package}", EDGES)
    assert sorted(level) == sorted(within)
    climbing = [(a, b) for a, targets in within.items() for b in targets if level[b] >= level[a]]
    assert climbing == []


@pytest.mark.parametrize("folder", folders())
def test_no_crowded_folders(folder: str) -> None:
    assert files_in(folder) <= MOST_FILES


def test_packages_meet_by_their_public_apis() -> None:
    """The command line is excepted: it imports the modules of studies, whose public API is `open_stage`."""
    api, past = faces(), set()
    for module, path in modules().items():
        room = module.split(".")[1] if "." in module else ""
        for origin, name in imports(path.read_text(), module, path.name == "__init__.py"):
            other = origin.split(".")[1] if "." in origin else ""
            if other in {"", room, *GROUND} or room == "cli" or name in api.get(origin, {}):
                continue
            past.add(f"{origin}.{name}")
    assert past == PAST_THE_API


def test_nothing_in_glmkit_imports_the_widgets() -> None:
    assert [path for path in modules().values() if "glmkit_widgets" in path.read_text()] == []
