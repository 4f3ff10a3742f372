"""A stage notebook as a reader meets it: opened in JupyterLab, run by hand, stopped by a click, run again; and the report."""

import json
import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest

from tests.small_study import STUDY, glmkit, make_workspace

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOK = "notebooks/dna/3_pretrain.ipynb"
STEPS, EVERY = 3000, 20  # far more steps than the test waits for
SMALL = {
    "steps": STEPS,
    "width": 32,
    "heads": 4,
    "length": 64,
    "batch_tokens": 1024,
    "checkpoint_every": EVERY,
    "validate_every": EVERY,
}
OUTCOME = "print(f'reason {result.reason}, steps {result.steps}, resumed from {result.resumed_from}, in {Path.cwd().name}')"
SAID = re.compile(r"reason (\w[\w ]*), steps (\d+), resumed from (\w+), in dna")
LENGTH = "document.querySelector('.glmkit-monitor path.train')?.getAttribute('d')?.length ?? 0"


@pytest.fixture(scope="module")
def study(_lab_server: tuple[str, str, Path], small_sources: dict[str, list[str]]) -> Path:
    """A workspace below JupyterLab's root, where the stages before pretraining have run and its parameters are small."""
    values = {"acquire": small_sources, "preprocess": {"block": 5000, "gap": 200}}
    folder = make_workspace(_lab_server[2] / "a workspace", values)
    done = glmkit(folder, "run", STUDY, "--until", "preprocess")
    assert done.returncode == 0, done.stdout + done.stderr
    notebook = nbformat.read(folder / NOTEBOOK, as_version=4)
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    for name, value in SMALL.items():
        cell.source, found = re.subn(rf"(?m)^({name}: int =) \d+", rf"\1 {value}", cell.source)
        assert found == 1, name
    notebook.cells.append(nbformat.v4.new_code_cell(f"from pathlib import Path\n{OUTCOME}"))
    nbformat.write(notebook, folder / NOTEBOOK)
    return folder


def photograph(page: Any, folder: Path, name: str, **options: Any) -> None:
    """Keep a picture for the eye: in the test's folder, or where GLMKIT_SCREENSHOTS says."""
    page.screenshot(path=Path(os.environ.get("GLMKIT_SCREENSHOTS", folder)) / f"{name}.png", **options)


def outcome(page: Any, steps_above: int = 0) -> tuple[str, int, str]:
    """What the last cell printed, once it names more than `steps_above` steps: reason, steps, resumed from."""
    page.wait_for_function(
        f"""() => [...document.querySelectorAll('.jp-OutputArea-output')].some((output) => {{
            const said = output.textContent.match(/reason [\\w ]+, steps (\\d+), resumed/);
            return said && Number(said[1]) > {steps_above};
        }})""",
        timeout=90_000,
    )
    (found,) = SAID.findall(" ".join(page.locator(".jp-OutputArea-output").all_text_contents()))
    return found[0], int(found[1]), found[2]


def watch_it_grow(page: Any) -> None:
    """Wait until the monitor trains, and then until its curve has become longer."""
    page.locator(".glmkit-monitor[data-status='training']").wait_for(timeout=120_000)
    page.wait_for_function(f"({LENGTH}) > 200", timeout=60_000)
    before = page.evaluate(LENGTH)
    page.wait_for_function(f"({LENGTH}) > {before + 200}", timeout=60_000)


def stop(page: Any) -> None:
    """Press the monitor's button and wait until the training has seen it."""
    page.locator(".glmkit-monitor button.stop").click()
    page.locator(".glmkit-monitor[data-status='stopped']").wait_for(timeout=60_000)


def test_pretraining_is_watched_stopped_and_resumed(lab: Any, study: Path, tmp_path: Path) -> None:
    lab.open(f"{study.name}/{NOTEBOOK}")
    page, folder = lab.page, study / "runs" / STUDY / "pretrain"
    lab.run_all()
    watch_it_grow(page)
    monitor = page.locator(".glmkit-monitor")
    assert json.loads((folder / "run.json").read_text())["status"] == "RUNNING"
    monitor.scroll_into_view_if_needed()
    photograph(page, tmp_path, "pretrain_light")
    lab.theme("JupyterLab Dark")
    monitor.scroll_into_view_if_needed()
    photograph(page, tmp_path, "pretrain_dark")
    lab.theme("JupyterLab Light")

    # A click: the stage ends in good order, at a checkpoint.
    stop(page)
    reason, first, resumed = outcome(page)
    assert (reason, resumed) == ("stopped", "None")
    assert 0 < first < STEPS
    assert (folder / f"checkpoints/step-{first:08d}").is_dir()
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "FINISHED"
    assert record["parameters"]["steps"] == STEPS
    assert "ended because: stopped" in " ".join(record["results"]["notes"])
    assert (folder / "model/model.safetensors").is_file()
    assert first - EVERY < pd.read_csv(folder / "history.csv").step.max() <= first
    assert not (study / "notebooks/dna/runs").exists()  # paths mean the workspace, wherever the kernel started
    monitor.scroll_into_view_if_needed()
    photograph(page, tmp_path, "pretrain_stopped")

    # All again: it goes on from there.
    lab.run_all()
    watch_it_grow(page)
    monitor.scroll_into_view_if_needed()
    photograph(page, tmp_path, "pretrain_resumed")
    stop(page)
    reason, second, resumed = outcome(page, first)
    assert (reason, resumed) == ("stopped", str(first))
    assert second > first
    history = pd.read_csv(folder / "history.csv")
    losses = history[history.loss.notna()]
    assert losses.step.is_unique
    assert losses.step.min() < first < losses.step.max()
    assert json.loads((folder / "run.json").read_text())["status"] == "FINISHED"


def test_the_report_opens_offline(open_page: Any, study: Path, tmp_path: Path) -> None:
    page = open_page(study / "runs" / STUDY / "report.html")
    text = page.locator("body").inner_text()
    for words in ("acquire", "preprocess", "Labelled windows in each part", "Size and GC content of each genome"):
        assert words in text, words
    pictures = page.locator("img, svg")
    assert pictures.count() > 0
    assert page.locator("img").evaluate_all("all => all.every((one) => one.complete && one.naturalWidth > 0)")
    # Nothing reaches beyond the window's edge.
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    photograph(page, tmp_path, "report", full_page=True)
