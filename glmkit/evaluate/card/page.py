"""The page of a results card: results with intervals, audits of the splits, and how the results were made.

It is one file without script, whose content policy forbids any request. The template engine escapes every string, so markup in a
method's name is shown as text. Colours follow the reader's light or dark setting.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glmkit.evaluate.metrics.registry import METRICS

_ROWS = 40  # rows shown of a further table
_LONG = 60  # characters from which a parameter is set on a separate line


def card_page(content: Mapping[str, Any], figures: Mapping[str, str]) -> str:
    """HTML of a results card.

    Parameters
    ----------
    content
        Content of ``card.json``.
    figures
        Caption to a data URI.

    Returns
    -------
    str
        One self-contained page.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    rows = content["rows"]
    return environment.get_template("card.html.j2").render(
        card=content,
        splits=[_split(content, name) for name in dict.fromkeys(row["split"] for row in rows)],
        metrics=[METRICS[name].title for name in content["metrics"]],
        direction=METRICS[content["headline"]].direction,
        audits=[
            {"split": split, "verdict": audit["verdict"], "leaks": audit["leaks"], "table": _table(audit["table"])}
            for split, audit in content["audits"].items()
        ],
        tables=[(caption, _table(table)) for caption, table in content["tables"].items()],
        figures=figures,
        parameters=[(name, _as_text(value)) for name, value in content["parameters"].items()],
        long=_LONG,
        models=[(name, [(key, _as_text(value)) for key, value in _flat(model)]) for name, model in content["models"].items()],
        seeds=_seeds(content["seeds"]),
    )


def _split(content: Mapping[str, Any], split: str) -> dict[str, Any]:
    """Rows of a split, best first, with bars on a common scale."""
    head = content["headline"]
    rows = [row for row in content["rows"] if row["split"] == split]
    rows.sort(key=lambda row: -METRICS[head].sign * row[head] if row[head] is not None else np.inf)
    ends = [row[name] for row in rows for name in (head, f"{head}_low", f"{head}_high") if row[name] is not None] or [0.0, 1.0]
    low, high = min(ends), max(ends)
    margin = 0.04 * max(high - low, 1e-3)
    low, high = low - margin, high + margin

    def at(value: float | None) -> float:
        return round(100 * ((value if value is not None else low) - low) / (high - low), 2)

    first = rows[0]
    facts = [f"{first['n_test']:,} test items in {first['groups']:,} groups"]
    facts += [f"{first['n_train']:,} training items"] if first["n_train"] else ["nothing was trained"]
    facts += [f"share of positives {first['positive_rate']:.3f}"] if first.get("positive_rate") is not None else []
    facts += [f"{first['seen_in_train']:,} test items are identical to a training item"] if first["seen_in_train"] else []
    facts += [f"{first['groups_in_train']:,} groups are on both sides"] if first["groups_in_train"] else []
    return {
        "name": split,
        "facts": facts,
        "headline": METRICS[head].title,
        "seeds": any(row[f"{head}_seed_sd"] is not None for row in rows),
        "ticks": [(at(tick), f"{tick:g}") for tick in _ticks(low, high)],
        "rows": [
            {
                "method": row["method"],
                "model": row["kind"] == "model",
                "bar": [at(row[name]) for name in (f"{head}_low", head, f"{head}_high")],
                "cells": [_estimate(row, metric) for metric in content["metrics"]],
                "spread": _number(row[f"{head}_seed_sd"]),
                "seconds": f"{row['cpu_seconds']:,.1f}",
                "how": row["description"],
            }
            for row in rows
        ],
    }


def _ticks(low: float, high: float) -> list[float]:
    """Up to six round numbers between `low` and `high`."""
    span = high - low
    step = 10.0 ** np.floor(np.log10(span))
    step = next(step * by for by in (0.2, 0.5, 1.0, 2.0) if span / (step * by) <= 6)
    return [round(float(tick), 6) + 0.0 for tick in np.arange(np.ceil(low / step) * step, high, step)]


def _estimate(row: Mapping[str, Any], metric: str) -> tuple[str, str]:
    return _number(row[metric]), f"[{_number(row[f'{metric}_low'])}, {_number(row[f'{metric}_high'])}]"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _table(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    columns = list(rows[0]) if rows else []
    numbers = [all(row[name] is None or _is_number(row[name]) for row in rows) for name in columns]
    shown = [[(_as_text(row[name]), number) for name, number in zip(columns, numbers, strict=True)] for row in rows[:_ROWS]]
    return {"columns": columns, "rows": shown, "more": max(0, len(rows) - _ROWS)}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return ", ".join(map(_as_text, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_as_text(item)}" for key, item in value.items())
    return str(value)


def _flat(model: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """Entries of a model's card; those of nested dictionaries under joined names."""
    found: list[tuple[str, Any]] = []
    for key, value in model.items():
        found += _flat(value, f"{before}{key} · ") if isinstance(value, dict) else [(before + key, value)]
    return found


def _seeds(seeds: Mapping[str, Sequence[int]]) -> list[tuple[str, str]]:
    """Seeds, and the methods that were run with them."""
    methods: dict[str, list[str]] = {}
    for method, own in seeds.items():
        methods.setdefault(", ".join(map(str, own)) or "none", []).append(method)
    return [(own, ", ".join(names)) for own, names in methods.items()]
