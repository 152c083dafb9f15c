"""Neutral texts that a model gets wrong: which ones, for whom, how surely, and about what.

Everything is computed from two predictions tables of the same rows (baseline and tuned); see
:mod:`finsent.inference.predictions` for their columns. A text is wrong when its predicted label is not neutral, an
invalid answer included.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from finsent.errors import RunError, RunStateError
from finsent.inference.predictions import MODELS, answer_probabilities
from finsent.labels import BULLISH, FIVE_LABELS, NEUTRAL, POSITIVE
from finsent.metrics.comparison import BROKEN, FIXED, STILL_RIGHT, STILL_WRONG
from finsent.metrics.figures import Interval
from finsent.metrics.statistics import Numbers, share_interval, wilson_bounds
from finsent.runs.evaluated_sets import saved_pair
from finsent.runs.store import Run

#: What became of an item that at least one model gets wrong: both, the tuned model only, the baseline only.
OUTCOMES = (STILL_WRONG, BROKEN, FIXED)
OTHER_GROUPS = "all others"
UNNAMED = "(none given)"


@dataclass(frozen=True)
class ModelErrors:
    """How many neutral items one model gets wrong and calls positive, as shares with intervals (None over no items)."""

    wrong: int
    wrong_share: float | None
    wrong_ci: Interval | None
    positive: int
    positive_share: float | None
    positive_ci: Interval | None


@dataclass(frozen=True)
class ErrorSummary:
    """What both models make of ``n`` neutral items; ``outcomes`` counts what became of them."""

    n: int
    outcomes: dict[str, int]
    baseline: ModelErrors
    tuned: ModelErrors

    @property
    def models(self) -> dict[str, ModelErrors]:
        """Both models' errors by name, the baseline's first."""
        return {"baseline": self.baseline, "tuned": self.tuned}


@dataclass(frozen=True)
class ItemFilter:
    """Which items to keep; an empty choice keeps all. ``confidence`` is a closed range within 0 to 1."""

    outcomes: Collection[str] = ()
    called: Collection[str] = ()
    confidence: tuple[float, float] = (0.0, 1.0)
    topics: Collection[str] = ()
    sources: Collection[str] = ()
    row_ids: Collection[str] | None = field(default=None)
    search: str = ""


def run_items(run: Run, split: str = "test") -> pd.DataFrame:
    """Return the neutral texts of a run's split (``test`` or ``validation``); see :func:`neutral_items`.

    Raises:
        RunStateError: the run has no predictions of both models.
        RunError: its predictions cannot be read or are not about the same rows.
    """
    if not run.has_comparison:
        raise RunStateError(
            f"Run {run.id} is {run.state} and has no predictions of both models, so there is nothing to inspect."
        )
    items = neutral_items(*saved_pair(run))
    return items[items["split"] == split].reset_index(drop=True)


def neutral_items(baseline: pd.DataFrame, tuned: pd.DataFrame) -> pd.DataFrame:
    """Return the texts whose gold label is neutral, with what both models say about them.

    Columns: ``row_id, text, answers, gold, baseline, baseline confidence, tuned, tuned confidence, outcome, topic,
    source, split``, and for both models ``<model> p_<label>`` (the probability within the answer set, NaN outside it)
    and ``<model> margin`` (log-probability of positive or bullish, whichever the prompt offers, minus that of neutral).

    Raises:
        RunError: the tables are not about the same rows in the same order.
    """
    if baseline["row_id"].tolist() != tuned["row_id"].tolist():
        raise RunError(
            "The predictions of the baseline and of the fine-tuned model are not about the same rows. Evaluate the "
            "run again."
        )
    chosen = (baseline["label"] == NEUTRAL).to_numpy()
    before, after = baseline[chosen].reset_index(drop=True), tuned[chosen].reset_index(drop=True)
    items = before[["row_id", "text", "answers"]].assign(gold=before["label"])
    for model, table in zip(MODELS, (before, after), strict=True):
        items[model] = table["predicted"]
        items[f"{model} confidence"] = table["confidence"]
    items["outcome"] = _outcomes(items)
    items[["topic", "source", "split"]] = before[["topic", "source", "split"]]
    for model, table in zip(MODELS, (before, after), strict=True):
        items[[f"{model} p_{label}" for label in FIVE_LABELS]] = answer_probabilities(table)
        positive = table[f"logp_{POSITIVE}"].fillna(table[f"logp_{BULLISH}"])
        items[f"{model} margin"] = positive - table[f"logp_{NEUTRAL}"]
    return items


def neutral_errors(items: pd.DataFrame) -> pd.DataFrame:
    """Return the items that at least one model gets wrong: what training left first, surest answers first."""
    wrong = items[items["outcome"] != STILL_RIGHT]
    keys = pd.DataFrame(
        {
            "outcome": pd.Categorical(wrong["outcome"], OUTCOMES, ordered=True),
            "surest": -_wrong_confidence(wrong).max(axis=1),
        },
        index=wrong.index,
    )
    order = keys.sort_values(["outcome", "surest"], kind="stable").index
    return wrong.loc[order].reset_index(drop=True)


def called_positive(items: pd.DataFrame, model: str) -> pd.Series:
    """Whether a model calls each item positive (or bullish, its counterpart in market posts)."""
    return items[model].isin([POSITIVE, BULLISH])


def error_summary(items: pd.DataFrame) -> ErrorSummary:
    """Return how many of the n items each model gets wrong and calls positive, as shares with 95 % intervals."""
    counts = items["outcome"].value_counts()
    return ErrorSummary(
        n=len(items),
        outcomes={name: int(counts.get(name, 0)) for name in (*OUTCOMES, STILL_RIGHT)},
        baseline=_model_errors(items, "baseline"),
        tuned=_model_errors(items, "tuned"),
    )


def _model_errors(items: pd.DataFrame, model: str) -> ModelErrors:
    n, wrong, positive = len(items), int((items[model] != NEUTRAL).sum()), int(called_positive(items, model).sum())
    return ModelErrors(
        wrong=wrong,
        wrong_share=wrong / n if n else None,
        wrong_ci=share_interval(wrong, n),
        positive=positive,
        positive_share=positive / n if n else None,
        positive_ci=share_interval(positive, n),
    )


def filter_items(items: pd.DataFrame, wanted: ItemFilter) -> pd.DataFrame:
    """Return the items that pass a filter, in their order.

    ``called`` and ``confidence`` are about wrong answers: an item passes when one wrong answer, by either model, has
    one of these labels and a confidence in the range. ``search`` is looked for as it stands, whatever its case.
    """
    confidence = _wrong_confidence(items)
    low, high = wanted.confidence
    # An invalid answer may have no confidence; the full range keeps it all the same.
    fits = (confidence >= low) & (confidence <= high) if (low, high) != (0.0, 1.0) else _wrong(items)
    if wanted.called:
        fits &= items[list(MODELS)].isin(list(wanted.called)).to_numpy()
    keep = fits.any(axis=1)
    for column, choice in (("outcome", wanted.outcomes), ("topic", wanted.topics), ("source", wanted.sources)):
        if choice:
            keep &= items[column].isin(list(choice))
    if wanted.row_ids is not None:
        keep &= items["row_id"].isin(list(wanted.row_ids))
    if wanted.search.strip():
        keep &= items["text"].str.contains(wanted.search.strip(), case=False, regex=False)
    return items[keep].reset_index(drop=True)


def group_errors(items: pd.DataFrame, by: str = "topic", most: int = 12) -> pd.DataFrame:
    """Return each model's error rate in the largest groups of items, and in all others taken together.

    Columns: the group (named as ``by``), ``n``, and for each model ``<model> wrong``, ``<model> share``,
    ``<model> low``, ``<model> high`` (95 % Wilson interval). The largest group comes first, all others last.
    """
    names = items[by].replace("", UNNAMED)
    sizes = names.value_counts()
    if len(sizes) > most:
        names = names.where(names.isin(sizes.index[: most - 1]), OTHER_GROUPS)
    rows = []
    for name, group in items.groupby(names, sort=False):
        row: dict[str, Any] = {by: name, "n": len(group)}
        for model in MODELS:
            wrong = int((group[model] != NEUTRAL).sum())
            low, high = (float(bound) for bound in wilson_bounds(wrong, len(group)))
            row |= {f"{model} wrong": wrong, f"{model} share": wrong / len(group)}
            row |= {f"{model} low": low, f"{model} high": high}
        rows.append(row)
    if not rows:
        return pd.DataFrame(columns=[by, "n"])
    table = pd.DataFrame(rows)
    table["last"] = table[by] == OTHER_GROUPS
    table = table.sort_values(["last", "n", by], ascending=[True, False, True], kind="stable")
    return table.drop(columns="last").reset_index(drop=True)


def item_probabilities(item: pd.Series, model: str) -> dict[str, float]:
    """Return one model's probability of each label in the item's answer set."""
    shares = {label: item[f"{model} p_{label}"] for label in FIVE_LABELS}
    return {label: float(share) for label, share in shares.items() if not np.isnan(share)}


def _outcomes(items: pd.DataFrame) -> Numbers:
    before, after = (items[model] != NEUTRAL for model in MODELS)
    return np.select([before & after, ~before & after, before & ~after], OUTCOMES, STILL_RIGHT)


def _wrong(items: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({model: items[model] != NEUTRAL for model in MODELS}, index=items.index)


def _wrong_confidence(items: pd.DataFrame) -> pd.DataFrame:
    """Return the confidence of each model's answer where it is wrong, NaN where it is right."""
    confidence = pd.DataFrame({model: items[f"{model} confidence"] for model in MODELS}, index=items.index)
    return confidence.where(_wrong(items))
