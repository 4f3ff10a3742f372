"""The training monitor's Python side: traits that refuse, messages that stay few and small, words that stay true."""

import json
import math
import threading
from functools import partial

import numpy as np
import pytest
import traitlets
from glmkit_widgets.throttle import Throttle
from glmkit_widgets.training_monitor import TrainingMonitor, model, progress

from glmkit.errors import BadInput


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "monotonic", clock)
    monkeypatch.setattr(model, "Throttle", partial(Throttle, clock=clock))
    return clock


def table(data: bytes) -> np.ndarray:
    return np.frombuffer(data, "<f8").reshape(5, -1)


def click(monitor: TrainingMonitor, **content) -> None:
    """What the kernel does with a message of the view, on a thread of its own."""
    thread = threading.Thread(target=monitor._handle_custom_msg, args=(content, []))
    thread.start()
    thread.join()


# --- traits -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"total_steps": -3}, "total_steps: expected 0 \\(unknown\\) or more, got -3"),
        ({"total_steps": "many"}, "'total_steps' trait .* expected an int, not the str 'many'"),
        ({"total_steps": 2.5}, "expected an int, not the float 2.5"),
        ({"height": 40}, "height: expected 120 to 1200 CSS pixels, got 40"),
        ({"title": 7}, "'title' trait .* expected a unicode string, not the int 7"),
    ],
)
def test_a_wrong_parameter_is_refused_in_words(values, words):
    with pytest.raises(traitlets.TraitError, match=words):
        TrainingMonitor(**values)


def test_a_trait_refuses_after_construction_too():
    monitor = TrainingMonitor(height=300)
    with pytest.raises(traitlets.TraitError, match="got 5000"):
        monitor.height = 5000
    with pytest.raises(traitlets.TraitError, match=r"'status' trait .* expected any of .*'stopping'"):
        monitor.status = "sleeping"
    assert (monitor.height, monitor.status) == (300, "waiting")


@pytest.mark.parametrize(
    ("step", "metrics", "words"),
    [
        (-1, {"loss": 1.0}, "expected step to be a whole number of 0 or more, got -1"),
        (2.0, {"loss": 1.0}, "whole number of 0 or more, got 2.0 \\(float\\)"),
        (True, {"loss": 1.0}, "whole number of 0 or more, got True"),
        (3, {"loss": "0.5"}, "log at step 3: expected loss to be one number, got '0.5' \\(str\\)"),
        (3, {"loss": np.zeros(2)}, "log at step 3: expected loss to be one number, got array"),
        (3, {"gradient_norm": None}, "expected gradient_norm to be one number, got None"),
    ],
)
def test_log_refuses_what_is_not_a_number(step, metrics, words):
    monitor = TrainingMonitor()
    with pytest.raises(BadInput, match=words):
        monitor.log(step, **metrics)
    assert monitor.status == "waiting"


def test_log_takes_numpy_scalars():
    monitor = TrainingMonitor()
    monitor.log(np.int64(4), loss=np.float32(0.5), tokens_per_second=np.array(7))
    assert monitor.numbers["loss"] == 0.5
    assert monitor.numbers["tokens_per_second"] == 7.0


# --- few and small messages ---------------------------------------------------------------------------------------


def test_messages_are_throttled_to_five_a_second_while_watched(clock):
    monitor = TrainingMonitor(total_steps=5000)
    click(monitor, type="watching")
    sent = []
    monitor.observe(lambda change: sent.append(clock.now), "numbers")
    for step in range(1, 5001):  # ten seconds at 500 steps a second
        clock.now += 0.002
        monitor.log(step, loss=1 / step)
    assert 45 <= len(sent) <= 51
    assert min(np.diff(sent)[1:]) >= 0.199


def test_messages_are_fewer_while_nobody_watches(clock):
    monitor = TrainingMonitor()
    sent = []
    monitor.observe(lambda change: sent.append(change.new["step"]), "numbers")
    for step in range(1, 5001):
        clock.now += 0.002
        monitor.log(step, loss=1 / step)
    assert 9 <= len(sent) <= 11
    monitor.finish()
    assert sent[-1] == 5000  # the end is never throttled away


def test_a_hundred_thousand_steps_stay_light():
    monitor = TrainingMonitor()
    for step in range(1, 100_001):
        monitor.log(step, loss=1.0 if step != 77_777 else 50.0)
    monitor.finish()
    assert len(monitor.train) <= 8 * 5 * 512
    drawn = table(monitor.train)
    assert 256 <= drawn.shape[1] <= 512
    assert drawn[0, -1] == 100_000
    assert drawn[2].max() == 50.0  # a spike of one step is not lost


def test_elapsed_time_is_monotonic_time(clock):
    monitor = TrainingMonitor()
    clock.now += 86_400  # a day of waiting before the first step is no training time
    monitor.log(1, loss=1.0)
    clock.now += 90
    monitor.log(2, loss=1.0)
    assert monitor.numbers["elapsed_seconds"] == 90


# --- what is not finite -------------------------------------------------------------------------------------------


def test_nan_and_infinity_become_gaps_and_valid_json():
    monitor = TrainingMonitor()
    for step, loss in enumerate([2.0, math.nan, math.inf, 1.0]):
        monitor.log(step, loss=loss, gradient_norm=-math.inf, validation_loss=math.nan)
    monitor.finish()
    step, low, high, smooth, gaps = table(monitor.train)
    assert step.tolist() == [0, 1, 2, 3]
    assert gaps.tolist() == [0, 1, 1, 0]
    assert np.isnan([low[1:3], high[1:3], smooth[1:3]]).all()
    assert np.isfinite([low[[0, 3]], high[[0, 3]], smooth[[0, 3]]]).all()
    numbers = json.loads(json.dumps(monitor.numbers, allow_nan=False))
    assert (numbers["gradient_norm"], numbers["validation_loss"]) == ("-inf", "nan")
    assert (numbers["nonfinite_step"], numbers["best_validation"]) == (2, None)
    assert monitor.picture().axes[0].get_ylim()[0] < 1.0


def test_a_run_of_nan_alone_still_has_a_picture():
    monitor = TrainingMonitor(title="$\\frac$ <b>")  # broken TeX stays text
    monitor.log(1, loss=math.nan)
    monitor.finish("failed", "the loss was not finite")
    data, _ = monitor._repr_mimebundle_()
    assert "failed, step 1, loss nan (the loss was not finite)" in data["text/plain"]
    assert len(data["image/png"]) > 1000


# --- stopping and ending ------------------------------------------------------------------------------------------


def test_a_click_stops_and_is_confirmed_by_the_loop_alone():
    monitor = TrainingMonitor()
    monitor.log(1, loss=1.0)
    assert not monitor.stop_requested()
    click(monitor, type="stop", run=monitor.run)
    assert monitor.status == "training"  # the thread of the click wrote no trait
    assert monitor.stop_requested()
    assert monitor.status == "stopping"
    monitor.finish("stopped")
    assert (monitor.status, monitor.stop_requested()) == ("stopped", False)


def test_a_click_for_a_run_that_is_over_does_not_stop_the_next():
    monitor = TrainingMonitor()
    monitor.log(1, loss=1.0)
    over = monitor.run
    monitor.finish()
    click(monitor, type="stop", run=over)
    assert not monitor.stop_requested()
    monitor.log(1, loss=3.0)
    click(monitor, type="stop", run=over)
    assert not monitor.stop_requested()
    assert (monitor.status, table(monitor.train)[0].tolist()) == ("training", [1])
    click(monitor, type="stop", run=monitor.run)
    assert monitor.stop_requested()


@pytest.mark.parametrize("content", [{"type": "stop"}, {"type": "other"}, {}, "stop", None])
def test_a_strange_message_does_nothing(content):
    monitor = TrainingMonitor()
    monitor.log(1, loss=1.0)
    monitor._handle_custom_msg(content, [])
    assert not monitor.stop_requested()


@pytest.mark.parametrize(
    ("reason", "status", "detail"),
    [
        ("finished", "finished", ""),
        ("early stopping", "finished", "no further improvement"),
        ("minutes", "finished", "time limit reached"),
        ("stopped", "stopped", ""),
        ("failed", "failed", ""),
    ],
)
def test_every_ending_of_fit_has_words(reason, status, detail):
    monitor = TrainingMonitor()
    monitor.log(9, loss=1.0)
    monitor.finish(reason)
    assert (monitor.status, monitor.detail) == (status, detail)


def test_an_unknown_ending_is_refused():
    with pytest.raises(BadInput, match=r"expected a reason in .*'early stopping'.* got 'bored'"):
        TrainingMonitor().finish("bored")


def test_the_block_says_how_it_was_left():
    with TrainingMonitor() as done:
        done.log(1, loss=1.0)
    broken, halted = TrainingMonitor(), TrainingMonitor()
    with pytest.raises(ValueError, match="no such gene"), broken:
        raise ValueError("no such gene")
    with pytest.raises(KeyboardInterrupt), halted:
        raise KeyboardInterrupt
    assert done.status == "finished"
    assert (broken.status, broken.detail) == ("failed", "ValueError: no such gene")
    assert (halted.status, halted.detail) == ("stopped", "interrupted")


@pytest.mark.parametrize(("shell", "by_hand", "outputs"), [(None, False, 0), ("a shell", False, 1), ("a shell", True, 1)])
def test_the_block_shows_the_monitor_once_in_a_notebook_and_never_in_a_script(monkeypatch, shell, by_hand, outputs):
    shown = []
    monkeypatch.setattr(model, "get_ipython", lambda: shell)
    monkeypatch.setattr(model, "display", lambda thing, **_: shown.append(thing) or shows(thing))
    monkeypatch.setattr(model, "update_display", lambda *_, **__: None)
    monitor = TrainingMonitor()
    if by_hand:
        model.display(monitor)
    with monitor:
        monitor.log(1, loss=1.0)
    with monitor:  # the cell run again, the view still there
        monitor.log(1, loss=1.0)
    assert shown.count(monitor) == outputs


def shows(thing) -> None:
    """What IPython does with an object that displays itself."""
    if isinstance(thing, TrainingMonitor):
        thing._ipython_display_()


def test_tee_records_before_it_shows():
    monitor, seen = TrainingMonitor(), []
    both = monitor.tee(lambda step, **metrics: seen.append((step, metrics)))
    both(3, loss=0.5, tokens_per_second=9.0)
    assert seen == [(3, {"loss": 0.5, "tokens_per_second": 9.0})]
    assert monitor.numbers["loss"] == 0.5
    with pytest.raises(BadInput, match="got 'x'"):
        both(4, loss="x")
    assert seen[-1] == (4, {"loss": "x"})


def test_best_validation_and_its_step_are_kept():
    monitor = TrainingMonitor(total_steps=1300)
    for step, loss in [(10, 1.4), (20, 1.2), (30, math.nan), (40, 1.3)]:
        monitor.log(step, loss=1.5, validation_loss=loss)
    monitor.finish("early stopping")
    assert (monitor.numbers["best_validation"], monitor.numbers["best_step"]) == (1.2, 20)
    assert monitor.summary() == "finished, step 40 of 1,300, loss 1.5, best validation 1.2 at step 20 (no further improvement)"


def test_a_resumed_run_winds_the_curve_back():
    monitor = TrainingMonitor()
    for step in [*range(1, 101), *range(81, 121)]:
        monitor.log(step, loss=float(step))
    monitor.finish()
    assert table(monitor.train)[0].tolist() == list(range(1, 121))
