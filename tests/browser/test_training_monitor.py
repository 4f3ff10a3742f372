"""The training monitor in a real JupyterLab: it grows while the cell runs, and a click stops the loop."""

from pathlib import Path

import nbformat
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LOOP = """
import math, time
from glmkit_widgets.training_monitor import TrainingMonitor
monitor = TrainingMonitor(total_steps=4000, title="Pretraining")
display(monitor)
checkpoints = []
for step in range(1, 4001):
    time.sleep(0.01)
    loss = 1.1 + 0.28 * math.exp(-step / 150) + 0.02 * math.sin(7.3 * step)
    monitor.log(step, loss=math.nan if step == 60 else loss, learning_rate=1e-3, tokens_per_second=81234.5,
                memory_gb=0.52, eta_seconds=0.01 * (4000 - step), gradient_norm=0.31)
    if step % 50 == 0:
        checkpoints.append(step)
        monitor.log(step, validation_loss=1.12 + 0.27 * math.exp(-step / 140))
        if monitor.stop_requested():
            break
monitor.finish("stopped" if step < 4000 else "finished")
"""
AFTER = "print('steps', step, 'asked', monitor.status, 'checkpoint', step in checkpoints)"


def write_notebook(path: Path, *cells: str) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


def test_the_chart_grows_and_a_click_stops_the_loop(lab, tmp_path):
    write_notebook(lab.root / "loop.ipynb", LOOP, AFTER)
    lab.open("loop.ipynb")
    lab.run_all()
    page = lab.page
    monitor = page.locator(".glmkit-monitor")
    monitor.wait_for(timeout=3_000)
    path = monitor.locator(".chart path.train")
    page.wait_for_function("document.querySelector('.glmkit-monitor path.train').getAttribute('d')?.length > 300")
    first = len(path.get_attribute("d"))
    page.wait_for_function(f"document.querySelector('.glmkit-monitor path.train').getAttribute('d').length > {first + 200}")
    page.screenshot(path=tmp_path / "light.png")
    button = monitor.locator("button.stop")
    assert button.text_content() == "Stop at the next checkpoint"
    button.click()
    page.locator(".glmkit-monitor[data-status='stopped']").wait_for(timeout=10_000)
    lab.wait_idle()
    page.screenshot(path=tmp_path / "stopped.png")
    lab.theme("JupyterLab Dark")
    page.screenshot(path=tmp_path / "dark.png")
    notebook = lab.save("loop.ipynb")
    print(notebook.cells[1].outputs)
