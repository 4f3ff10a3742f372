"""The command line: each verb has its help, and arguments are checked before a verb runs.

Covers ``glmkit.cli.check``, ``glmkit.cli.new``, ``glmkit.cli.params`` and ``glmkit.cli.run``.
"""

import pytest

from glmkit import __version__
from glmkit.cli import main
from glmkit.cli._main import VERBS
from glmkit.cli.options import above_zero, positive


@pytest.mark.parametrize("verb", [module.__name__.rpartition(".")[2] for module in VERBS])
def test_each_verb_has_the_name_of_its_module_and_a_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([verb, "--help"])
    assert stop.value.code == 0
    assert f"usage: glmkit {verb}" in capsys.readouterr().out


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert (stop.value.code, capsys.readouterr().out) == (0, f"glmkit {__version__}\n")


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "two", ""])
def test_a_count_is_a_whole_number_above_zero(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["run", "genes", "--cores", text])
    assert stop.value.code == 2
    assert f"expected a whole number above 0, got {text!r}" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["0", "-2", "inf", "nan", "much"])
def test_an_amount_is_a_finite_number_above_zero(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["kernels", "install", "--memory", text])
    assert stop.value.code == 2
    assert f"expected a number above 0, got {text!r}" in capsys.readouterr().err


def test_an_unexpected_error_is_reported_as_internal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glmkit.studies.report.status.print_status", lambda run: [][1])
    assert main(["status"]) == 1
    message = "glmkit: internal error: IndexError: list index out of range. Please report it; --debug shows the traceback.\n"
    assert capsys.readouterr().err == message
    with pytest.raises(IndexError):
        main(["status", "--debug"])


def test_the_help_lists_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert (
        "exit codes: 0 ok, 1 internal error, 2 bad input, 3 network, 5 resources, 130/143 interrupted" in capsys.readouterr().out
    )


def test_arguments_are_numbers() -> None:
    assert (positive("12"), above_zero("0.5")) == (12, 0.5)


@pytest.mark.parametrize(
    "words", [["check", "no_such_study"], ["params", "no_such.ipynb"], ["run", "no_such_study", "--dry-run"]]
)
def test_a_study_that_is_not_there_is_bad_input(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "no_such" in capsys.readouterr().err
