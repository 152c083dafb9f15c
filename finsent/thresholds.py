"""When to say “positive”: a threshold on its probability, and what it costs in positive texts that are missed.

A model with a threshold says positive (bullish, of a market post) whenever that label's probability is at least the
threshold, and else the likelier of the other answers. A threshold is picked on validation rows, never on test rows.
"""

from typing import Any

import numpy as np
import pandas as pd

from finsent.errors import EmptyDataError
from finsent.labels import FIVE_LABELS, NEUTRAL, POSITIVE, TO_THREE
from finsent.predictions import answer_probabilities
from finsent.statistics import paired_difference

_POSITIVE_PLACES = [place for place, label in enumerate(FIVE_LABELS) if TO_THREE[label] == POSITIVE]


def positive_probability(predictions: pd.DataFrame) -> np.ndarray:
    """Return each row's probability of positive or bullish, whichever its answer set has."""
    return np.nansum(answer_probabilities(predictions)[:, _POSITIVE_PLACES], axis=1)


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


def threshold_choice(validation: pd.DataFrame, test: pd.DataFrame, most_neutral_as_positive: float) -> dict[str, Any]:
    """Return the threshold picked on validation rows and what it does to test rows.

    ``threshold``; ``neutral_as_positive`` and ``positive_recall`` each with the test share ``without`` and ``with`` the
    threshold and their paired ``difference`` (see :func:`finsent.statistics.paired_difference`).

    Raises:
        EmptyDataError: see :func:`pick_threshold`.
    """
    threshold = pick_threshold(validation, most_neutral_as_positive)
    gold = test["label"].map(TO_THREE)
    says = [(table["predicted"].map(TO_THREE) == POSITIVE) for table in (test, apply_threshold(test, threshold))]
    choice: dict[str, Any] = {"threshold": threshold}
    for name, label in (("neutral_as_positive", NEUTRAL), ("positive_recall", POSITIVE)):
        without, with_it = (marks[gold == label].to_numpy() for marks in says)
        choice[name] = {
            "without": float(without.mean()) if len(without) else None,
            "with": float(with_it.mean()) if len(with_it) else None,
            "difference": paired_difference(without, with_it),
        }
    return choice
