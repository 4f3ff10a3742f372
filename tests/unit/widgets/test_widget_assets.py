"""JavaScript files joined into one module, and the tests of their geometry under node."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from glmkit_widgets.assets import join_modules
from glmkit_widgets.training_monitor import TrainingMonitor

from glmkit.errors import BadInput

HERE = Path(__file__).parent
WIDGETS = HERE.parents[2] / "widgets" / "glmkit_widgets"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.js").write_text(text)
    return folder


def test_files_join_into_one_module(tmp_path):
    write(
        tmp_path,
        a="export const one = 1;\nexport async function two() { return 2; }\n",
        b='import {\n  one,\n  two,\n} from "./a.js";\nexport default { render: () => one + two };\n',
    )
    joined = join_modules(tmp_path, "a.js", "b.js")
    assert "import" not in joined
    assert joined.count("export") == 1
    assert joined.index("const one") < joined.index("export default")


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ("export const x = 1;\n", 'import y from "https://cdn.example/y.js";\n', "loads no external code"),
        ("export const x = 1;\n", 'import y from "./c.js";\n', "imports only of files joined before it \\(./a.js\\)"),
        ('import b from "./b.js";\n', "export default 1;\n", "a.js: expected imports only of files joined before it \\(none\\)"),
        ("export const x = 1;\n", 'const y = await import("./a.js");\n', "await import|loads no external code"),
        ("export const x = 1;\n", 'import "./a.js";\n', "loads no external code"),
        (
            "const x = 1;\nexport { x };\n",
            "export default 1;\n",
            "only in front of function, const, let or class, got 'export { x };'",
        ),
        ("export default 1;\n", "export default 1;\n", "only the last file"),
    ],
)
def test_what_cannot_be_joined_is_refused(tmp_path, a, b, words):
    write(tmp_path, a=a, b=b)
    with pytest.raises(BadInput, match=words):
        join_modules(tmp_path, "a.js", "b.js")


def test_no_widget_names_another_machine():
    """The namespace of SVG is a name and no request."""
    for path in [*WIDGETS.rglob("*.js"), *WIDGETS.rglob("*.css")]:
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "//" not in text.replace("// ", ""), path
        assert "innerHTML" not in text, path
        assert "@import" not in text, path


def test_the_widgets_import_neither_torch_nor_science():
    code = "import sys, glmkit_widgets.training_monitor as m; m.TrainingMonitor().log(1, loss=1.0); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.split())
    assert {name for name in loaded if name.split(".")[0] == "glmkit"} == {"glmkit", "glmkit.errors"}
    assert not loaded & {"torch", "matplotlib.pyplot", "pandas"}


@pytest.fixture(scope="module")
def node() -> str:
    program = shutil.which("node")
    if program is None:
        pytest.skip("node is not on this machine (20 or later): the geometry's own tests did not run")
    return program


def test_node_accepts_the_joined_module(node, tmp_path):
    (tmp_path / "joined.mjs").write_text(str(TrainingMonitor._esm))
    done = subprocess.run([node, "--check", tmp_path / "joined.mjs"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_node_tests(node):
    files = sorted(HERE.glob("*.test.mjs"))
    assert files
    done = subprocess.run([node, "--test", *files], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert "# fail 0" in done.stdout
    assert "# pass 0" not in done.stdout
