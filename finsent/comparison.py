"""What a reader asks of two models on the same rows: the verdict in words, what changed, and the rows behind a cell."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from finsent.metrics import class_view
from finsent.predictions import MODELS
from finsent.statistics import CONFIDENCE, rows_to_settle

FIXED, BROKEN, STILL_WRONG, STILL_RIGHT = "fixed", "broken", "still wrong", "still right"
#: What became of a row's answer, in the order of tables and flows.
TRANSITIONS = (FIXED, STILL_RIGHT, STILL_WRONG, BROKEN)
#: The count of rows that a class's figure is over.
_OVER = {"precision": "called", "recall": "support", "f1": "concerned"}


@dataclass(frozen=True)
class Verdict:
    """The answer to “is it better?”: ``kind`` is better, worse or unsettled; ``sentences`` are plain text."""

    kind: str
    sentences: tuple[str, ...]


def verdict(comparison: dict[str, Any]) -> Verdict:
    """Return the verdict on a comparison (see :func:`finsent.metrics.compare_predictions`) in plain sentences.

    The models are called different only where McNemar's exact test and the interval of the difference agree.
    """
    n, difference, test = comparison["n"], comparison["accuracy_difference"], comparison["mcnemar"]
    low, high = difference["ci"]
    settled = test["p"] < 1 - CONFIDENCE and (low > 0 or high < 0)
    kind = "unsettled" if not settled else "better" if difference["value"] > 0 else "worse"
    opening = {
        "better": "Fine-tuning helped",
        "worse": "Fine-tuning hurt",
        "unsettled": "The two models can't be told apart on these rows",
    }[kind]
    evidence = f"McNemar's exact test {show_p(test['p'])}, n = {n:,} test rows"
    sentences = [f"{opening}: accuracy {_points(difference)}, {evidence}.", _neutral_sentence(comparison)]
    if kind == "unsettled":
        sentences.append(_settling_sentence(test, n))
    return Verdict(kind, tuple(sentence for sentence in sentences if sentence))


def show_p(p: float) -> str:
    """Return a p-value as text, for example ``p = 0.013``."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def answers_table(baseline: pd.DataFrame, tuned: pd.DataFrame, classes: int = 3) -> pd.DataFrame:
    """Return one row per test row: what both models said, whether that was right, and what became of it.

    Columns: ``row_id, text, gold, baseline, baseline confidence, tuned, tuned confidence, transition, source, topic``;
    confidence is the predicted label's probability within the answer set, 0 to 1.
    """
    _, gold, before = class_view(baseline, classes)
    _, _, after = class_view(tuned, classes)
    return pd.DataFrame(
        {
            "row_id": baseline["row_id"].to_numpy(),
            "text": baseline["text"].to_numpy(),
            "gold": gold,
            "baseline": before,
            "baseline confidence": baseline["confidence"].to_numpy(),
            "tuned": after,
            "tuned confidence": tuned["confidence"].to_numpy(),
            "transition": _transition(gold == before, gold == after),
            "source": baseline["source"].to_numpy(),
            "topic": baseline["topic"].to_numpy(),
        }
    )


def cell_rows(answers: pd.DataFrame, model: str, gold: str, answer: str) -> pd.DataFrame:
    """Return the rows of :func:`answers_table` in one cell of a model's confusion matrix, surest answers first."""
    chosen = answers[(answers["gold"] == gold) & (answers[model] == answer)]
    return chosen.sort_values(f"{model} confidence", ascending=False, kind="stable").reset_index(drop=True)


def transition_counts(answers: pd.DataFrame, labels: list[str]) -> pd.DataFrame:
    """Return how many rows of each gold label were fixed, broken, or stayed: columns ``gold``, the four, ``n``."""
    table = pd.crosstab(answers["gold"], answers["transition"])
    table = table.reindex(index=labels, columns=list(TRANSITIONS), fill_value=0).rename_axis(columns=None)
    return table.assign(n=table.sum(axis=1)).reset_index()


def transition_rows(answers: pd.DataFrame, transition: str, gold: str | None = None) -> pd.DataFrame:
    """Return the rows of :func:`answers_table` with one transition, of one gold label or of all."""
    chosen = answers[answers["transition"] == transition]
    return (chosen if gold is None else chosen[chosen["gold"] == gold]).reset_index(drop=True)


def per_class_table(comparison: dict[str, Any]) -> pd.DataFrame:
    """Return precision, recall and F1 of each class before and after, one row per class and figure.

    Columns: ``class, figure`` and of each model ``baseline, baseline low, baseline high, baseline n``: n is the number
    of rows that the figure is over, those with the answer (precision), the gold label (recall) or either (F1). Over no
    rows it is missing, and not zero as in an average.
    """
    rows = []
    for label in comparison["labels"]:
        for figure in ("precision", "recall", "f1"):
            row: dict[str, Any] = {"class": label, "figure": figure}
            for model in MODELS:
                values = comparison[model]["per_class"][label]
                low, high = values[f"{figure}_ci"] or (None, None)
                row |= {model: None if low is None else values[figure], f"{model} low": low, f"{model} high": high}
                row[f"{model} n"] = values[_OVER[figure]]
            rows.append(row)
    return pd.DataFrame(rows)


def _transition(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return np.select([~before & after, before & after, ~before & ~after], TRANSITIONS[:3], BROKEN)


def _neutral_sentence(comparison: dict[str, Any]) -> str:
    difference = comparison["neutral_as_positive_difference"]
    if difference["value"] is None:
        return ""
    before, after = (comparison[model]["neutral_as_positive"] for model in MODELS)
    low, high = difference["ci"]
    told = "" if low > 0 or high < 0 else " That difference is not settled."
    return (
        f"Neutral called positive went from {before:.1%} to {after:.1%}: {_points(difference)}, "
        f"n = {difference['n']:,} neutral rows.{told}"
    )


def _settling_sentence(test: dict[str, Any], n: int) -> str:
    needed = rows_to_settle(test["b"], test["c"], n)
    if needed is None:
        return "Each gets as many rows right that the other misses, so no number of rows is foreseen to settle it."
    if needed <= n:
        return ""
    return f"If the difference stays as it is, about {needed:,} test rows would settle it (80 % power)."


def _points(difference: dict[str, Any]) -> str:
    low, high = (100 * end for end in difference["ci"])
    return f"{100 * difference['value']:+.1f} points (95 % interval {low:+.1f} to {high:+.1f})"
