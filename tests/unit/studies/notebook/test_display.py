"""Tables, figures and notes are shown in the notebook when they are entered into the report, and only there."""

from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from glmkit.studies.notebook import display
from glmkit.studies.notebook.stage import open_stage


def test_in_a_notebook_each_result_is_shown_with_its_caption(
    untracked: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    import IPython.display

    shown: list = []
    monkeypatch.setattr(display, "_in_notebook", lambda: True)
    monkeypatch.setattr(IPython.display, "display", shown.append)
    run = open_stage("runs/s/evaluate", {})
    table = pd.DataFrame({"model": ["a", "b", "c"], "f1": [0.5, 0.25, 0.125]})
    run.table(table, "scores", "F1 of each model.")
    figure = Figure(figsize=(6.4, 2))
    figure.subplots().plot([1, 2, 4])
    run.figure(figure, "curve", "A curve.")
    run.note("Three models are enough.")
    run.finish()
    first, second = shown
    assert first is table
    assert second._repr_png_() == ((run.folder / "figures/curve.png").read_bytes(), {"width": 614})
    assert capsys.readouterr().out == "F1 of each model.\nA curve.\nThree models are enough.\n"


def test_outside_a_notebook_nothing_is_shown(untracked: Path, capsys: pytest.CaptureFixture) -> None:
    run = open_stage("runs/s/evaluate", {})
    run.note("Nobody reads this here.")
    run.finish()
    assert capsys.readouterr().out == ""
