"""When to say “positive”: a threshold on its probability, and what it costs in positive texts that are missed.

A model with a threshold says positive (bullish, of a market post) whenever that label's probability is at least the
threshold, and else the likelier of the other answers. A threshold is picked on validation rows, never on test rows.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from finsent.errors import EmptyDataError
from finsent.inference.predictions import answer_probabilities
from finsent.labels import FIVE_LABELS, NEUTRAL, POSITIVE, TO_THREE
from finsent.metrics.figures import Difference
from finsent.metrics.statistics import Numbers, paired_difference

_POSITIVE_PLACES = [place for place, label in enumerate(FIVE_LABELS) if TO_THREE[label] == POSITIVE]


@dataclass(frozen=True)
class ThresholdEffect:
    """A share of test rows without and with a threshold (None without rows) and the paired difference."""

    without: float | None
    with_threshold: float | None
    difference: Difference


@dataclass(frozen=True)
class ThresholdChoice:
    """A threshold picked on validation rows and what it does to test rows."""

    threshold: float
    neutral_as_positive: ThresholdEffect
    positive_recall: ThresholdEffect


def positive_probability(predictions: pd.DataFrame) -> Numbers:
    """Return each row's probability of positive or bullish, whichever its answer set has."""
    shares: Numbers = np.nansum(answer_probabilities(predictions)[:, _POSITIVE_PLACES], axis=1)
    return shares


def apply_threshold(predictions: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Return the predictions table with ``predicted`` and ``confidence`` as a threshold gives them."""
    probabilities = answer_probabilities(predictions)
    positives, others = np.full_like(probabilities, np.nan), probabilities.copy()
    positives[:, _POSITIVE_PLACES] = probabilities[:, _POSITIVE_PLACES]
    others[:, _POSITIVE_PLACES] = np.nan
    says_positive = positive_probability(predictions) >= threshold
    places = np.where(says_positive, np.nanargmax(positives, axis=1), np.nanargmax(others, axis=1))
    return predictions.assign(
        predicted=np.array(FIVE_LABELS)[places], confidence=probabilities[np.arange(len(places)), places]
    )


def threshold_curve(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return what each threshold gives: columns ``threshold, neutral as positive, positive recall``.

    From the strictest threshold to the most lenient; the two shares are of the neutral and of the positive (and
    bullish) rows. Empty where one of the two kinds is absent.
    """
    from sklearn.metrics import roc_curve

    gold = predictions["label"].map(TO_THREE)
    kept = gold.isin([NEUTRAL, POSITIVE]).to_numpy()
    truth = (gold[kept] == POSITIVE).to_numpy()
    columns = ["threshold", "neutral as positive", "positive recall"]
    if truth.all() or not truth.any():
        return pd.DataFrame(columns=columns, dtype=float)
    false, true, thresholds = roc_curve(truth, positive_probability(predictions)[kept], drop_intermediate=False)
    # The first threshold is infinite: nothing is called positive. No probability is above 1.
    return pd.DataFrame(dict(zip(columns, (np.minimum(thresholds, 1.0), false, true), strict=True)))


def pick_threshold(validation: pd.DataFrame, most_neutral_as_positive: float) -> float:
    """Return the most lenient threshold with which at most this share of neutral validation rows is called positive.

    Raises:
        EmptyDataError: the validation rows lack neutral or positive texts.
    """
    curve = threshold_curve(validation)
    if curve.empty:
        raise EmptyDataError("Picking a threshold takes validation rows that are neutral and some that are positive.")
    allowed = curve[curve["neutral as positive"] <= most_neutral_as_positive]
    return float(allowed["threshold"].iloc[-1])


def threshold_choice(validation: pd.DataFrame, test: pd.DataFrame, most_neutral_as_positive: float) -> ThresholdChoice:
    """Return the threshold picked on validation rows and what it does to test rows.

    Raises:
        EmptyDataError: see :func:`pick_threshold`.
    """
    threshold = pick_threshold(validation, most_neutral_as_positive)
    gold = test["label"].map(TO_THREE)
    says = [(table["predicted"].map(TO_THREE) == POSITIVE) for table in (test, apply_threshold(test, threshold))]
    neutral, recall = (_effect(*(marks[gold == label].to_numpy() for marks in says)) for label in (NEUTRAL, POSITIVE))
    return ThresholdChoice(threshold, neutral_as_positive=neutral, positive_recall=recall)


def _effect(without: Numbers, with_threshold: Numbers) -> ThresholdEffect:
    before, after = (float(marks.mean()) if len(marks) else None for marks in (without, with_threshold))
    return ThresholdEffect(before, after, paired_difference(without, with_threshold))
