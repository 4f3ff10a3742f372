"""Nobody watches: under papermill the executed notebook holds a picture, and so does what nbconvert makes of it."""

import base64
from pathlib import Path

import nbformat
import papermill
from nbconvert import HTMLExporter

LOOP = """
from glmkit_widgets.training_monitor import TrainingMonitor
monitor = TrainingMonitor(total_steps={steps})
display(monitor)
for step in range(1, {steps} + 1):
    monitor.log(step, loss=1 / step)
    if step % 4 == 0:
        monitor.log(step, validation_loss=1 / step + 0.1)
"""
EAGER = """
from glmkit_widgets.training_monitor import model
model._PICTURE_EVERY = model._UNWATCHED_EVERY = 0
"""


def execute(folder: Path, *cells: str) -> nbformat.NotebookNode:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(notebook, folder / "in.ipynb")
    # papermill's own engine: what glmkit's adds is not the matter here.
    options = {"engine_name": "nbclient", "kernel_name": "python3", "progress_bar": False, "cwd": str(folder)}
    papermill.execute_notebook(str(folder / "in.ipynb"), str(folder / "out.ipynb"), **options)
    return nbformat.read(folder / "out.ipynb", as_version=4)


def picture(notebook: nbformat.NotebookNode, *others: str) -> tuple[str, str]:
    """The text and the picture of the first cell's one output, after a look at both; `others` are the types beside them."""
    (output,) = notebook.cells[0].outputs
    assert set(output.data) == {"text/plain", "image/png", *others}
    image = base64.b64decode(output.data["image/png"])
    assert image.startswith(b"\x89PNG")
    assert int.from_bytes(image[16:20], "big") == 2 * output.metadata["image/png"]["width"]
    return output.data["text/plain"], output.data["image/png"]


def test_an_executed_notebook_and_its_web_page_hold_the_picture(tmp_path: Path) -> None:
    notebook = execute(tmp_path, LOOP.format(steps=300), "monitor.finish()")
    words, image = picture(notebook)
    assert words == "TrainingMonitor(finished, step 300 of 300, loss 0.003333, best validation 0.1033 at step 300)"
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert image[:60] in page


def test_a_run_that_never_ends_leaves_the_last_picture_that_was_due(tmp_path: Path) -> None:
    notebook = execute(tmp_path, EAGER + LOOP.format(steps=4))
    words, _ = picture(notebook, "application/vnd.jupyter.widget-view+json")
    assert words.startswith("TrainingMonitor(training, step 4 of 4, ")
