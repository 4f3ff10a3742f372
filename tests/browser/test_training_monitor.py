"""The training monitor in a real JupyterLab: it grows while the cell runs, and a click stops the loop."""

import base64
import os
from pathlib import Path
from typing import Any

import nbformat
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STEPS = 4000  # at 10 ms each: a loop that nobody stops outlasts every timeout below
LOOP = f"""
import math, time
from glmkit_widgets.training_monitor import TrainingMonitor
monitor = TrainingMonitor(total_steps={STEPS}, title="Pretraining <i>K-12</i>")
display(monitor)
checkpoints = []
for step in range(1, {STEPS} + 1):
    time.sleep(0.01)
    loss = 1.1 + 0.28 * math.exp(-step / 150) + 0.02 * math.sin(7.3 * step)
    monitor.log(step, loss=math.nan if step == 60 else loss, learning_rate=1e-3, tokens_per_second=81234.5,
                memory_gb=0.52, eta_seconds=0.01 * ({STEPS} - step), gradient_norm=0.31)
    if step % 50 == 0:
        monitor.log(step, validation_loss=1.12 + 0.27 * math.exp(-step / 140))
        checkpoints.append(step)
        if monitor.stop_requested():
            break
monitor.finish("stopped" if step < {STEPS} else "finished")
"""
AFTER = "print(f'next cell at step {step}, status {monitor.status}, at a checkpoint {step in checkpoints}')"
LENGTH = "document.querySelector('.glmkit-monitor path.train')?.getAttribute('d')?.length ?? 0"


def write_notebook(path: Path, *cells: str) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


def photograph(page: Any, folder: Path, name: str) -> None:
    """Keep a picture for the eye: in the test's folder, or where GLMKIT_SCREENSHOTS says."""
    page.locator(".glmkit-monitor").scroll_into_view_if_needed()
    page.screenshot(path=Path(os.environ.get("GLMKIT_SCREENSHOTS", folder)) / f"training_monitor_{name}.png")


def test_the_chart_grows_and_a_click_stops_the_loop(lab: Any, tmp_path: Path) -> None:
    write_notebook(lab.root / "loop.ipynb", LOOP, AFTER)
    lab.open("loop.ipynb")
    lab.run_all()
    page, monitor = lab.page, lab.page.locator(".glmkit-monitor")

    # It grows while the cell runs.
    monitor.wait_for(timeout=20_000)
    page.wait_for_function(f"({LENGTH}) > 300")
    first = page.evaluate(LENGTH)
    page.wait_for_function(f"({LENGTH}) > {first + 300}")
    assert monitor.get_attribute("data-status") == "training"
    assert monitor.locator(".title").text_content() == "Pretraining <i>K-12</i>"
    assert monitor.locator(".gaps path").count() == 1
    assert "not finite at step 60" in monitor.locator(".warning").text_content()
    assert monitor.locator(".tile[data-name='tokens_per_second'] .value").text_content() == "81.2k"
    box = monitor.locator(".chart").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + box["height"] / 2)
    assert monitor.locator(".readout").text_content().startswith("step ")
    photograph(page, tmp_path, "light")

    # The cells after it wait.
    assert "next cell" not in page.locator(".jp-Notebook").text_content().replace(AFTER, "")

    # A click stops it, each state said in words.
    button = monitor.locator("button.stop")
    assert button.text_content() == "Stop at the next checkpoint"
    button.click()
    assert button.is_disabled()
    page.locator(".glmkit-monitor[data-status='stopped']").wait_for(timeout=10_000)
    assert button.is_hidden()
    step = int(monitor.locator(".status").text_content().removeprefix("stopped at step ").replace(",", ""))
    assert 0 < step < STEPS
    # The kernel saw it, and Run All went on only then.
    page.get_by_text(f"next cell at step {step}, status stopped, at a checkpoint True").wait_for(timeout=10_000)
    photograph(page, tmp_path, "stopped")

    # The chart fills its place in the view that JupyterLab made anew for the last output.
    chart = monitor.locator(".chart")
    page.wait_for_function(
        "(e => e.getAttribute('viewBox') === `0 0 ${e.clientWidth} 240`)(document.querySelector('.glmkit-monitor .chart'))"
    )
    light = chart.locator("path.train").evaluate("e => getComputedStyle(e).stroke")
    ground = monitor.evaluate("e => getComputedStyle(e).backgroundColor")
    lab.theme("JupyterLab Dark")
    assert monitor.evaluate("e => getComputedStyle(e).backgroundColor") != ground
    assert chart.locator("path.train").evaluate("e => getComputedStyle(e).stroke") != light
    photograph(page, tmp_path, "dark")

    # The saved notebook holds a picture for those who open it without widgets.
    saved = lab.save("loop.ipynb")
    (output,) = [output for output in saved.cells[0].outputs if "image/png" in output.get("data", {})]
    assert base64.b64decode(output.data["image/png"]).startswith(b"\x89PNG")
    assert f"stopped, step {step}" in output.data["text/plain"]


def test_a_view_without_an_answer_says_what_to_do(open_page: Any, tmp_path: Path) -> None:
    """The module alone, on a plain page: a model that never answers stands for a front end without subshells."""
    from glmkit_widgets.training_monitor import TrainingMonitor

    (tmp_path / "view.mjs").write_text(
        str(TrainingMonitor._esm).replace("const AGAIN = 1500", "const AGAIN = 50"), encoding="utf-8"
    )
    script = """
      const state = { title: "T", status: "training", numbers: { step: 7 }, height: 240, total_steps: 10, run: 3, detail: "", watched: false };
      window.sent = [];
      const model = { get: (name) => state[name], on() {}, off() {}, send: (message) => sent.push(message) };
      const address = URL.createObjectURL(new Blob([SOURCE], { type: "text/javascript" }));
      import(address).then((module) => (window.end = module.default.render({ model, el: document.body })));
    """
    source = (tmp_path / "view.mjs").read_text().replace("\\", "\\\\").replace("`", "\\`").replace("${", "\\${")
    (tmp_path / "page.html").write_text(
        f"<!doctype html><body><script>{script.replace('SOURCE', '`' + source + '`')}</script></body>"
    )
    page = open_page(tmp_path / "page.html")
    page.locator("button.stop").click()
    assert page.locator("button.stop").text_content() == "Waiting for the loop…"
    page.get_by_text("interrupt the kernel").wait_for(timeout=5000)
    assert page.evaluate("sent.filter((message) => message.type === 'stop')") == 4 * [{"type": "stop", "run": 3}]
    page.evaluate("end()")
