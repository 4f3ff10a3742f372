"""The protein study, end to end and headless, on a few of the real proteins."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from glmkit.data.splits import Partition
from glmkit.evaluate import read_card
from tests.small_study import PROTEIN_STUDY, glmkit, make_workspace, write_proteins

STAGES = ["acquire", "preprocess", "pretrain", "finetune", "evaluate", "interpret"]
SMALL = {
    "preprocess": {"threads": 1, "sensitivity": 4.0},
    "pretrain": {
        "steps": 8,
        "width": 16,
        "layers": 2,
        "heads": 2,
        "measured": 10,
        "remembered": 6,
        "validate_every": 4,
        "checkpoint_every": 4,
    },
    "finetune": {"epochs": 1, "seeds": [0, 1], "reach": 40},
    "evaluate": {"few_labels": [8], "few_seeds": 2, "draws": 100},
    "interpret": {"n_proteins": 5, "span": 5},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the notebooks and a small protein study, run once."""
    folder = tmp_path_factory.mktemp("proteins")
    make_workspace(folder, SMALL | {"acquire": write_proteins(folder)}, PROTEIN_STUDY)
    done = glmkit(folder, "run", PROTEIN_STUDY, "--name", "small", "--cores", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "runs/small"


def table(project: Path, stage: str, name: str) -> pd.DataFrame:
    return pd.read_csv(project / stage / "tables" / f"{name}.csv")


def test_every_stage_finishes_with_tables_and_figures(project: Path) -> None:
    records = {stage: json.loads((project / stage / "run.json").read_text()) for stage in STAGES}
    assert {stage: record["status"] for stage, record in records.items()} == dict.fromkeys(STAGES, "FINISHED")
    figures = {stage: sorted(path.stem for path in (project / stage / "figures").glob("*.png")) for stage in STAGES}
    assert figures == {
        "acquire": ["lengths"],
        "preprocess": [],
        "pretrain": ["loss"],
        "finetune": ["curves"],
        "evaluate": ["homology", "random", "roc"],
        "interpret": figures["interpret"],
    }
    assert {"landscape", "occlusion_other", "occlusion_positive"} <= set(figures["interpret"])
    assert all(records[stage]["results"]["tables"] for stage in STAGES)


def test_the_result_includes_baselines_and_intervals(project: Path) -> None:
    methods = {"pretrained, fine-tuned", "same network from scratch", "linear probe, pretrained", "linear probe, random weights"}
    methods |= {"majority", "composition forest", "composition SVM", "nearest relative"}
    for split in ("homology", "random"):
        result = table(project, "evaluate", split).set_index("method")
        assert methods <= set(result.index)
        for metric in ("auroc", "accuracy", "f1"):
            low, value, high = (result[f"{metric}{end}"] for end in ("_low", "", "_high"))
            assert ((low >= 0) & (low <= value + 1e-9) & (value <= high + 1e-9) & (high <= 1)).all(), metric
        assert result.auroc["majority"] == 0.5
        assert result.auroc["composition forest"] > 0.6
        assert (result.seen_in_train == 0).all()


def test_families_stay_on_one_side_and_out_of_pretraining(project: Path) -> None:
    located = pd.read_csv(project / "preprocess/located.tsv.gz", sep="\t")
    located = located.rename(columns=lambda name: name.removesuffix(":str"))
    assert (located.groupby("group").homology.nunique() == 1).all()
    assert set(located.homology) == set(located.random) == {"train", "validation", "test"}
    tested = located[(located.homology == "test") | (located.random == "test")]
    corpus = Partition.from_csv(project / "preprocess/corpus.csv").table
    assert not set(corpus.group) & set(tested.group)
    assert corpus.groupby("group").part.nunique().max() == 1
    closest = table(project, "preprocess", "neighbours").iloc[0]
    assert (closest["split"], closest["at 30% or more"]) == ("homology", 0)


def test_no_protein_begins_with_the_methionine_that_reveals_its_source(project: Path) -> None:
    written = table(project, "acquire", "labels").set_index("label")["begins with M"]
    assert written.between(0, 1).all()
    located = pd.read_csv(project / "preprocess/located.tsv.gz", sep="\t")
    report = json.loads((project / "preprocess/data_report.json").read_text())
    assert report["first_methionine_dropped"]["count"] > 0.8 * len(located)


def test_pretraining_is_measured_against_composition(project: Path) -> None:
    bits = table(project, "pretrain", "bits_per_residue").set_index("guess").bits
    assert bits["evenly from twenty"] == pytest.approx(np.log2(20))
    assert 4.0 < bits["by composition"] < bits["evenly from twenty"]
    card = json.loads((project / "pretrain/model/card.json").read_text())
    assert (card["context"], card["started_from"]) == (130, "random weights")


def test_the_landscape_and_the_occlusion_are_kept_as_arrays(project: Path) -> None:
    with np.load(project / "interpret/landscape.npz") as kept:
        scores, sequence = kept["scores"], str(kept["sequence"])
    assert scores.shape == (len(sequence), 20)
    own = scores[np.arange(len(sequence)), ["ACDEFGHIKLMNPQRSTVWY".index(letter) for letter in sequence]]
    assert np.abs(own).max() == 0
    with np.load(project / "interpret/occlusion.npz") as kept:
        assert {name: kept[name].shape for name in kept} == {"extracellular": (5, 40), "mitochondrial": (5, 40)}
    flips = table(project, "interpret", "exchange")["answers that flip"].dropna()
    assert flips.between(0, 1).all()


@pytest.fixture(scope="module")
def of_a_table(project: Path) -> Path:
    """The notebook for tables, run on its own by plain papermill on the stages before."""
    values = {"out": "runs/small/table", "preprocess": "runs/small/preprocess", "pretrain": "runs/small/pretrain", "threads": 1}
    values |= {"epochs": 1, "lstm_epochs": 1, "reach": 40, "draws": 100, "device": "cpu"}
    argv = [sys.executable, "-m", "papermill", "notebooks/protein/5_evaluate_table.ipynb", str(project / "table.ipynb")]
    argv += [word for name, value in values.items() for word in ("-p", name, str(value))]
    argv += ["-y", "{seeds: [0], networks: [pretrained]}", "--no-progress-bar"]
    done = subprocess.run(argv, cwd=project.parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return project / "table"


def test_a_table_is_audited_and_has_every_method(of_a_table: Path) -> None:
    rows = pd.read_csv(of_a_table / "tables/results.csv")
    methods = {"pretrained, fine-tuned", "linear probe, pretrained", "linear probe, random weights", "LSTM", "majority"}
    methods |= {"composition forest", "BLAST neighbour", "nearest relative"}
    for split in ("given", "homology"):
        assert methods <= set(rows.method[rows.split == split])
        checks = pd.read_csv(of_a_table / f"tables/audit_{split}.csv")
        assert {"check", "value", "meaning"} <= set(checks.columns)
    assert ((rows.auroc_low <= rows.auroc) & (rows.auroc <= rows.auroc_high)).all()
    assert len(pd.read_csv(of_a_table / "tables/relatives.csv")) == rows.method.nunique()


def test_its_card_holds_what_decides_the_result(of_a_table: Path) -> None:
    card = read_card(of_a_table)
    assert card.parameters["epochs"] == 1
    assert set(card.content["audits"]) == {"given", "homology"}
    assert len(card.content["models"]["language model"]["identity"]) == 64
    page = card.page.read_text()
    assert "pretrained, fine-tuned" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
