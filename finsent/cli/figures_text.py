"""The figures of an evaluation as the command line prints them: every one with its interval, n and p."""

from typing import TYPE_CHECKING

import pandas as pd

from finsent.cli.output import table_text
from finsent.metrics.statistics import show_p
from finsent.metrics.wording import points

if TYPE_CHECKING:
    from finsent.metrics.figures import Comparison, Interval
    from finsent.metrics.verdict import Change, Weighed

_AVERAGES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "weighted_f1": "weighted-F1",
    "balanced_accuracy": "balanced accuracy",
    "kappa": "kappa",
}


def figures_text(figures: "Comparison", weighed: "Weighed") -> str:
    """Return a table of both models' figures, and of their differences where these have an interval of their own."""
    moved = {
        (one.figure, one.label): one for one in (weighed.accuracy, *weighed.better, *weighed.worse, *weighed.steady)
    }
    before, after = figures.baseline, figures.tuned
    rows = [
        _row(title, [one.of(name) for one in (before, after)], moved.get((name, None)), str(figures.n))
        for name, title in _AVERAGES.items()
    ]
    neutral = [(one.neutral_as_positive, one.neutral_as_positive_ci) for one in (before, after)]
    rows.append(
        _row(
            "neutral called positive",
            neutral,
            moved.get(("neutral_as_positive", None)),
            str(figures.baseline.neutral_n),
        )
    )
    for label in figures.labels:
        for name in ("recall", "precision", "f1"):
            both = [one.per_class[label].of(name) for one in (before, after)]
            n = " and ".join(dict.fromkeys(f"{rows_of:,}" for _, _, rows_of in both))
            title = f"{'F1' if name == 'f1' else name} of {label}"
            rows.append(_row(title, [part[:2] for part in both], moved.get((name, label)), n))
    table = table_text(pd.DataFrame(rows), rows=None)
    invalid = f"Answers that are no label: baseline {before.invalid:,}, fine-tuned {after.invalid:,}."
    return f"{table}\nIn brackets 95 % intervals; p of McNemar's exact test. {invalid}"


def _row(
    title: str, both: "list[tuple[float | None, Interval | None]]", change: "Change | None", n: str
) -> dict[str, str]:
    before, after = (_share(*one) for one in both)
    return {
        "figure": title,
        "baseline": before,
        "fine-tuned": after,
        "difference": points(change.difference, "") if change else "–",
        "p": show_p(change.p).removeprefix("p ").removeprefix("= ") if change and change.p is not None else "–",
        "n": n,
    }


def _share(value: float | None, interval: "Interval | None") -> str:
    if value is None or interval is None:
        return "–"
    return f"{value:.1%} ({interval.low:.1%} to {interval.high:.1%})"
