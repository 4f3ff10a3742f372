"""The report: one file, no request, every string from data escaped, intervals where the numbers say.

Covers ``glmkit.studies.report.headline``.
"""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from glmkit.studies.files import record
from glmkit.studies.files.csv_format import view
from glmkit.studies.notebook.stage import open_stage
from glmkit.studies.report.loss_curves import loss_curves
from glmkit.studies.report.report import write_report

EVIL = '>x"><script>alert(1)</script><img src=x onerror=alert(2)> =cmd()'


class Page(HTMLParser):
    """The tags of a page, their attributes and its text; complains about a tag that is never closed."""

    VOID = frozenset({"meta", "img", "br", "link", "input"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.text += " "
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def run(untracked: Path) -> Path:
    folder = untracked / "runs/bacterial_genes"
    one = open_stage(f"{folder}/acquire", {"out": "runs/bacterial_genes/acquire", "seed": 11}, title=f"Reads {EVIL}")
    one.data(f"genome {EVIL}", "ab" * 32)
    one.table(pd.DataFrame({"header": [EVIL, "NA"], "bases": [4409182, 12]}), "genomes", f"Caption {EVIL}")
    one.note(f"Note {EVIL}")
    one.finish()
    two = open_stage(f"{folder}/evaluate", {"acquire": "runs/bacterial_genes/acquire"}, ["runs/bacterial_genes/acquire"])
    for step in range(1, 6):
        two.log(step, loss=1 / step)
    scores = {"model": ["ours", "majority"], "auroc": [0.9, 0.5], "auroc_low": [0.85, 0.5], "auroc_high": [0.95, 0.5]}
    two.table(pd.DataFrame(scores), "scores", "AUROC with 95% intervals over contigs.", headline=True)
    two.note("Ours is better than the majority.")
    figure = Figure()
    figure.subplots().plot([1, 2, 4])
    two.figure(figure, "roc", f"Figure {EVIL}")
    two._close("FAILED", f"ValueError: {EVIL}")
    (folder / "evaluate/notebook.ipynb").write_text(
        '{"cells": [{"cell_type": "markdown", "source": ["# 5. How good <b>is</b> it?\\n", "x"]}]}'
    )
    record.update(folder, status="RUNNING", stages=["acquire", "evaluate", "interpret"], description=EVIL, **record.process())
    return folder


def test_what_comes_from_data_stays_text(run: Path) -> None:
    html = write_report(run).read_text()
    page = Page(html)
    tags = [tag for tag, _ in page.tags]
    assert "script" not in tags
    assert [attributes for _, attributes in page.tags if any(name.startswith("on") for name in attributes)] == []
    assert [attributes["src"][:11] for tag, attributes in page.tags if tag == "img"] == ["data:image/"]
    for place in (f"Reads {EVIL}", f"Caption {EVIL}", f"Note {EVIL}", f"Figure {EVIL}", f"ValueError: {EVIL}", f"genome {EVIL}"):
        assert place in page.text


def test_it_asks_nothing_of_a_network(run: Path) -> None:
    html = write_report(run).read_text()
    page = Page(html)
    links = [
        value for _, attributes in page.tags for name, value in attributes.items() if name in {"src", "href", "action", "srcset"}
    ]
    assert {link.split(":")[0] if ":" in link else link[0] for link in links if link} == {"data", "#"}
    assert "default-src 'none'" in html
    styles = re.search(r"<style>(.*?)</style>", html, re.S)
    assert styles
    assert "url(" not in styles[1]
    assert "@import" not in styles[1]
    assert "prefers-color-scheme: dark" in styles[1]
    assert "@media print" in styles[1]


def test_the_headline_comes_first_with_its_verdict_and_intervals_drawn(run: Path) -> None:
    html = write_report(run).read_text()
    text = Page(html).text
    places = [text.index(words) for words in ("Bacterial genes", "AUROC with 95%", "Ours is better", "Reads >x", "Provenance")]
    assert places == sorted(places)
    assert text.count("Ours is better") == 1
    assert "0.850–0.950" in text
    # The axis runs from 0.5 to 1.0, so the interval from 0.85 to 0.95 starts at 70% and is 20% wide.
    assert '<b style="left:70.0%;width:20.0%"></b><u style="left:80.0%"></u>' in html


def test_statuses_are_true_and_provenance_is_there(run: Path) -> None:
    text = " ".join(Page(write_report(run).read_text()).text.split())
    assert "failed" in text
    assert "interpret waiting" in text
    assert "acquire.seed 11" in text
    assert "ab" * 32 in text
    assert "2 evaluate How good <b>is</b> it?" in text
    assert f"glmkit {record.versions()['glmkit']}" in text


def test_results_of_an_earlier_attempt_are_not_shown_as_this_ones(run: Path) -> None:
    record.update(run / "evaluate", status="FAILED", started="2999-01-01T00:00:00.000+00:00", error="BadInput: no such stage")
    text = Page(write_report(run).read_text()).text
    assert "BadInput: no such stage" in text
    assert "Ours is better" not in text
    assert "AUROC" not in text


def test_the_figure_inside_is_the_file(run: Path) -> None:
    images = [attributes["src"] or "" for tag, attributes in Page(write_report(run).read_text()).tags if tag == "img"]
    kind, data = images[0].split(",")
    assert kind == "data:image/svg+xml;base64"
    assert base64.b64decode(data) == (run / "evaluate/figures/roc.svg").read_bytes()
    (run / "evaluate/figures/roc.svg").unlink()
    assert "data:image/png;base64," in write_report(run).read_text()
    (run / "evaluate/figures/roc.png").unlink()
    (run / "evaluate/tables/scores.csv").unlink()
    text = Page(write_report(run).read_text()).text
    assert "The figure roc is missing." in text
    assert "evaluate/tables/scores.csv is missing." in text


def test_a_run_in_which_nothing_has_begun_has_a_report_too(untracked: Path) -> None:
    record.update(untracked / "runs/empty", status="FAILED", error="x")
    assert "No stage of this run has started." in Page(write_report(untracked / "runs/empty").read_text()).text


def test_a_table_keeps_text_as_text_and_numbers_readable(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("name,value,low,high,n,p\nNA,0.5,0.25,0.75,1200,1.5e-12\n1E5x,nan,,,7,0.04\nSEPT2,-0.5,-1,0.1,x,\n")
    table = view(path, most=2)
    assert table.columns == ("name", "value", "n", "p")
    assert table.total == 3
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["NA", "0.500", "1200", "1.50e-12"],
        ["1E5x", "nan", "7", "0.040"],
    ]
    scale = table.scales[1]
    assert scale is not None
    assert (scale.low, scale.high, [label for _, label in scale.ticks]) == (
        0.2,
        0.8,
        ["0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8"],
    )
    assert table.rows[1][1].bar is None


@pytest.mark.parametrize(("low", "high"), [(0.5, 0.5), (0.0, 0.0), (-3.0, -2.0), (1.905, 1.959), (1e-7, 3e-7), (12.0, 140_000.0)])
def test_an_axis_holds_its_values_and_reads_well(tmp_path: Path, low: float, high: float) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"value,low,high\n{(low + high) / 2!r},{low!r},{high!r}\n")
    table = view(path)
    scale, bar = table.scales[0], table.rows[0][0].bar
    assert scale is not None
    assert bar is not None
    assert 2 <= len(scale.ticks) <= 8
    assert 0 <= bar[1] <= bar[0] <= bar[2] <= 100
    assert len({label for _, label in scale.ticks}) == len(scale.ticks)


def test_curves_pass_over_nan_and_stay_small(tmp_path: Path) -> None:
    lines = [f'{{"step": {step}, "time": 0, "loss": {"NaN" if step % 7 == 0 else 1000 - step}}}\n' for step in range(1, 1000)]
    (tmp_path / "metrics.jsonl").write_text("".join(lines))
    curves = loss_curves(tmp_path)
    assert curves is not None
    (name, points), *more = curves.lines
    assert (name, more, curves.first, curves.last) == ("training", [], "1", "999")
    assert len(points.split()) <= 240
    assert "nan" not in points
    assert loss_curves(tmp_path / "none") is None
