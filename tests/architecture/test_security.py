"""What glmkit never does: open a pickle, run a string, hand one to a shell. And what committed text never names."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Modules that may not be imported; attributes of modules that may not be reached, under whatever name they were imported.
MODULES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "shelve", "marshal"}
REACHED = {"joblib.load", "joblib.dump", "os.system", "os.popen", "pandas.read_pickle", "builtins.eval", "builtins.exec"}
CALLED = {"eval", "exec"}
KEYWORDS = {"weights_only": False, "allow_pickle": True, "shell": True, "trust_remote_code": True}
HOSTS = ["pypi" + ".org", "pythonhosted" + ".org", "download.pytorch" + ".org", "anaconda" + ".org", "npmjs" + ".org"]
NAMED = re.compile(
    "|".join(["(?<![A-Za-z0-9_.])/" + "work/", "/ho" + "me/[a-z]", "/ro" + "ot/", "/Us" + "ers/", *map(re.escape, HOSTS)])
)


def sources() -> list[Path]:
    return sorted([*(ROOT / "glmkit").rglob("*.py"), *(ROOT / "widgets").rglob("*.py")])


def imported(tree: ast.Module) -> tuple[set[str], dict[str, str]]:
    """Every module path that is imported, and what each local name stands for."""
    paths: set[str] = set()
    stands_for: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                paths.add(alias.name)
                stands_for[alias.asname or alias.name.split(".")[0]] = alias.name if alias.asname else alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                paths |= {str(node.module), f"{node.module}.{alias.name}"}
                stands_for[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return paths, stands_for


def dotted(node: ast.expr, stands_for: dict[str, str]) -> str:
    """``a.b.c`` of an expression with its first name resolved, or nothing."""
    if isinstance(node, ast.Name):
        return stands_for.get(node.id, node.id)
    if isinstance(node, ast.Attribute) and (before := dotted(node.value, stands_for)):
        return f"{before}.{node.attr}"
    return ""


def dangers(source: str) -> list[str]:
    """What stands in `source` that may not, in order of appearance."""
    tree = ast.parse(source)
    paths, stands_for = imported(tree)
    found = [f"imports {path}" for path in sorted(paths) if path.split(".")[0] in MODULES or path in REACHED]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and dotted(node, stands_for) in REACHED:
            found.append(f"line {node.lineno}: {dotted(node, stands_for)}")
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in CALLED:
                found.append(f"line {node.lineno}: {node.func.id}(")
            for word in node.keywords:
                if word.arg in KEYWORDS and not is_safe(word.value, KEYWORDS[word.arg]):
                    found.append(f"line {node.lineno}: {word.arg}={ast.unparse(word.value)}")
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value in KEYWORDS and not is_safe(value, KEYWORDS[str(key.value)]):
                    found.append(f"line {node.lineno}: {key.value!r}: {ast.unparse(value)}")
    return found


def is_safe(value: ast.expr, unsafe: bool) -> bool:
    """Only the literal opposite is safe: a variable could hold anything."""
    return isinstance(value, ast.Constant) and value.value is not unsafe and isinstance(value.value, bool)


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_opens_a_pickle_or_runs_a_string(path: Path) -> None:
    assert dangers(path.read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "def f():\n    import pickle as p",
        "from pickle import loads",
        "import dill.session",
        "import joblib\njoblib.load(path)",
        "import joblib as j\nopener = j.load",
        "from joblib import load",
        "import os\nos.system(text)",
        "import pandas as pd\npd.read_pickle(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=chosen)",
        "subprocess.run(text, shell=True)",
        "f(**{'shell': True})",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
        "eval(text)",
        "exec(text)",
    ],
)
def test_each_danger_is_seen(line: str) -> None:
    assert dangers(line) != []


def test_what_is_harmless_is_not_called_a_danger() -> None:
    assert dangers("import joblib\njoblib.Parallel(2)\nmodel.eval()\nnp.save(path, x, allow_pickle=False)") == []
    assert dangers('"""Never opens a pickle; eval( and shell=True stand in words only."""\nrun(words, shell=False)') == []


def committed_text() -> list[Path]:
    """Every committed file that is text."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:8192]]


def machine_places(text: str) -> list[str]:
    """Paths of one machine and hosts of registries that `text` names."""
    return NAMED.findall(text)


def test_no_committed_text_names_a_machine_or_a_registry() -> None:
    files = committed_text()
    assert len(files) > 150
    found = {str(path.relative_to(ROOT)): machine_places(path.read_text(errors="replace")) for path in files}
    assert {path: places for path, places in found.items() if places} == {}


@pytest.mark.parametrize(
    "text",
    ["see /wor" + "k/main", '"/ho' + 'me/ada/x"', "/ro" + "ot/.cache", "/Us" + "ers/ada", "https://" + HOSTS[0] + "/simple"],
)
def test_each_such_place_is_seen(text: str) -> None:
    assert machine_places(text) != []


def test_ordinary_paths_are_not_taken_for_places() -> None:
    assert (
        machine_places(", ".join(["runs/work" + "/x", "network/", "homework/a", "https://example.org/home", "~/notebooks"])) == []
    )
