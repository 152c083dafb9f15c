"""What a reader asks of two models on the same rows: what changed, class by class, and the rows behind a cell."""

from typing import Any

import numpy as np
import pandas as pd

from finsent.metrics.classification import class_view
from finsent.metrics.figures import Comparison
from finsent.metrics.statistics import Numbers

FIXED, BROKEN, STILL_WRONG, STILL_RIGHT = "fixed", "broken", "still wrong", "still right"
#: What became of a row's answer, in the order of tables and flows.
TRANSITIONS = (FIXED, STILL_RIGHT, STILL_WRONG, BROKEN)


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


def per_class_table(comparison: Comparison) -> pd.DataFrame:
    """Return precision, recall and F1 of each class before and after, one row per class and figure.

    Columns: ``class, figure`` and of each model ``baseline, baseline low, baseline high, baseline n``: n is the number
    of rows that the figure is over, those with the answer (precision), the gold label (recall) or either (F1). Over no
    rows it is missing, and not zero as in an average.
    """
    rows = []
    for label in comparison.labels:
        for figure in ("precision", "recall", "f1"):
            row: dict[str, Any] = {"class": label, "figure": figure}
            for model, figures in comparison.models.items():
                value, interval, n = figures.per_class[label].of(figure)
                low, high = interval or (None, None)
                row |= {model: value, f"{model} low": low, f"{model} high": high, f"{model} n": n}
            rows.append(row)
    return pd.DataFrame(rows)


def _transition(before: Numbers, after: Numbers) -> Numbers:
    return np.select([~before & after, before & after, ~before & ~after], TRANSITIONS[:3], BROKEN)
