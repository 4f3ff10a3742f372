"""The arithmetic of a large run, and the page that is made of it: `python tests/unit/train/test_budget.py` writes the page anew."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from glmkit.errors import BadInput
from glmkit.train import LargeRun, Machine, training_budget
from glmkit.train.budget import H100

PAGE = Path(__file__).parents[3] / "notebooks/guide/scale.md"
BILLION = LargeRun(width=2048, depth=20, tokens=1e12)
SPREAD = replace(BILLION, width=5120, depth=48, shard=True, recompute=True, pass_tokens=65_536)


def size(count: float) -> str:
    for power, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if count >= power:
            return f"{count / power:,.3g} {unit}" if count < 1e15 else f"{count / power:,.0f} {unit}"
    return f"{count / 1e3:,.3g} kB"


def table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---", *["---:"] * (len(head) - 1)], *rows])


def tables() -> dict[str, str]:
    """Every table of the page by its name."""
    one = training_budget(BILLION)
    need = [
        ["parameters", f"12 × {BILLION.width}² × {BILLION.depth}", f"{one.parameters / 1e9:.2f} × 10⁹"],
        ["operations", "(6 × parameters + 12 × depth × width × context) × tokens", f"{one.flops:.2e}"],
        ["GPU hours", "operations / (peak × MFU) / 3600", f"{one.gpu_hours:,.0f}"],
        [f"days on {BILLION.gpus} GPUs", "GPU hours / GPUs / 24", f"{one.days:.1f}"],
        ["money", "GPU hours × price", f"${one.price:,.0f}"],
        ["energy", "GPU hours × watts", f"{one.kilowatt_hours / 1000:.1f} MWh"],
        ["tokens on disk", "tokens × bytes of one", size(one.data_bytes)],
        ["read while training", "tokens a second × bytes of one", f"{size(one.tokens_per_second * BILLION.token_bytes)}/s"],
        ["one checkpoint", "12 × parameters", size(one.checkpoint_bytes)],
        ["steps", "tokens / tokens a step", f"{one.steps:,.0f}"],
        ["state on each GPU", "22 × parameters", size(one.state_bytes)],
        ["activations of a micro-batch", "34 × depth × width × tokens a micro-batch", size(one.activation_bytes)],
        ["sent by each GPU in a step", "2 × 4 × parameters × (GPUs − 1) / GPUs", size(one.traffic_bytes)],
        ["time of that, of a step's computing", "bytes / network / seconds", f"{one.traffic_share:.0%}"],
    ]
    by_gpus = []
    for gpus in (1, 8, 64, 256):
        found = training_budget(replace(BILLION, gpus=gpus))
        by_gpus.append([f"{gpus}", f"{found.days:,.1f}", f"{found.tokens_per_second / 1e6:.2f} M", f"{found.traffic_share:.0%}"])
    by_context = []
    for context in (1024, 8192, 65_536):
        found = training_budget(replace(BILLION, context=context))
        more = found.gpu_hours / one.gpu_hours
        by_context.append([f"{context:,}", f"{found.gpu_hours:,.0f}", f"${found.price:,.0f}", f"{more:.1f} ×"])
    by_size = []
    for name, run in {
        "1 × 10⁹, a copy on each GPU": BILLION,
        "1 × 10⁹, sharded": replace(BILLION, shard=True),
        "15 × 10⁹, a copy on each GPU": replace(SPREAD, shard=False),
        "15 × 10⁹, sharded": SPREAD,
    }.items():
        found = training_budget(run)
        words = [size(found.state_bytes), size(found.activation_bytes), "yes" if found.fits else "no"]
        by_size.append([name, *words, f"{found.traffic_share:.0%}", f"{found.days:,.0f}"])
    return {
        "needs": table(["what", "how", "how much"], need),
        "gpus": table(["GPUs", "days", "tokens a second", "network, of a step's computing"], by_gpus),
        "context": table(["context", "GPU hours", "money", "of 1,024's"], by_context),
        "sizes": table(["model on 64 GPUs", "state", "activations", "fits", "network", "days"], by_size),
    }


def page(text: str) -> str:
    """The page with every table made anew."""
    for name, lines in tables().items():
        text, count = re.subn(
            rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", lambda m, new=lines: m[1] + new + m[2], text, flags=re.S
        )
        assert count == 1, name
    return text


def test_the_page_says_what_the_arithmetic_says() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text)


def test_the_page_names_every_assumption() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for said in (
        f"{H100.flops / 1e12:.0f} × 10¹²",
        f"{H100.memory / 1e9:.0f} GB",
        f"{H100.network / 1e9:.0f} GB/s",
        f"${H100.price:.2f}",
        f"{H100.watts:,.0f} W",
        f"{BILLION.mfu:.0%}",
        f"{BILLION.batch_tokens / 1e6:.0f} million",
        f"{BILLION.pass_tokens:,}",
        f"{BILLION.context:,}",
    ):
        assert said in text, said


def test_by_hand() -> None:
    """A model and a machine of round numbers: 12 parameters a layer and unit of width squared, and nothing else."""
    machine = Machine(name="toy", flops=1e12, memory=1e9, network=1e6, price=2.0, watts=500.0)
    run = LargeRun(width=100, depth=3, tokens=1e6, context=50, batch_tokens=2e4, pass_tokens=1000, gpus=4, mfu=0.5)
    found = training_budget(run, machine)
    assert found.parameters == 360_000
    assert found.flops == (6 * 360_000 + 12 * 3 * 100 * 50) * 1e6 == 2.34e12
    seconds = 2.34e12 / (4 * 1e12 * 0.5)
    assert found.days * 86_400 == pytest.approx(seconds)
    assert found.price == pytest.approx(4 * seconds / 3600 * 2.0)
    assert found.state_bytes == 22 * 360_000
    assert found.activation_bytes == 34 * 3 * 100 * 1000
    assert found.traffic_bytes == 2 * 4 * 360_000 * 3 / 4
    assert found.traffic_share == pytest.approx(2_160_000 / 1e6 / (seconds / 50))
    spread = training_budget(replace(run, shard=True, recompute=True), machine)
    assert spread.state_bytes == 16 * 360_000 / 4 + 10 * 240_000
    assert spread.traffic_bytes == 3 * 5 * 4 * 360_000 * 3 / 4  # five passes a step
    assert spread.gpu_hours == pytest.approx(found.gpu_hours * 4 / 3)
    assert spread.activation_bytes == (2 * 3 + 34) * 100 * 1000


def test_numbers_that_cannot_be() -> None:
    with pytest.raises(BadInput, match="gpus must be above 0, got 0"):
        replace(BILLION, gpus=0)
    with pytest.raises(BadInput, match=r"mfu: expected a fraction of the peak, at most 1, got 1\.2"):
        replace(BILLION, mfu=1.2)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
