"""How far a mere shift of the prior goes: label offsets fitted on validation rows, and what is left beyond them.

A model may know a text's sentiment and still lean to one label. Adding one offset to each label's log-probability takes
such a lean away without teaching the model anything (contextual calibration: Zhao et al. 2021; batch calibration: Zhou
et al. 2024). The offsets are fitted here on labelled validation rows together with one temperature (bias-corrected
temperature scaling: Alexandari et al. 2020), never on test rows. The temperature changes how sure a model is, not which
label it ranks first.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from finsent.errors import EmptyDataError
from finsent.inference.predictions import LOGP_COLUMNS, answer_probabilities, label_predictions
from finsent.labels import BULLISH, FIVE_LABELS, NEUTRAL, POSITIVE
from finsent.metrics.classification import class_view, evaluate_predictions
from finsent.metrics.figures import CorrectedFigures, Interval, Mean, Pieces, PriorAccount, PriorPieces
from finsent.metrics.statistics import Numbers, effective_bounds, paired_difference, wilson_bounds

#: Fewer validation rows than this cannot fix an offset for each label.
MIN_ROWS = 20
#: Spread of the weak Gaussian prior on offsets and log-temperature; it decides only for labels with next to no rows.
_PRIOR_SPREAD = 5.0

#: Predictions of the baseline and of the tuned model on the same rows.
Pair = tuple[pd.DataFrame, pd.DataFrame]


@dataclass(frozen=True)
class Calibration:
    """What :func:`fit_calibration` found on ``n`` rows: offsets in nats (neutral's is 0), and the temperature."""

    offsets: dict[str, float]
    temperature: float
    n: int


def fit_calibration(validation: pd.DataFrame) -> Calibration:
    """Return the offsets and the temperature that make validation labels most probable.

    scikit-learn's temperature calibration is no help here: it fits the temperature alone, and knows no row that allows
    some of the labels only.

    Raises:
        EmptyDataError: there are fewer than 20 validation rows.
    """
    from scipy.optimize import minimize

    if len(validation) < MIN_ROWS:
        raise EmptyDataError(
            f"There are {len(validation)} predictions of validation rows; correcting the prior takes {MIN_ROWS} or "
            "more. Raise validation_rows in the recipe and train again."
        )
    logits = validation[LOGP_COLUMNS].to_numpy(dtype=float)
    gold = np.eye(len(FIVE_LABELS))[[FIVE_LABELS.index(label) for label in validation["label"]]]
    free = [place for place, label in enumerate(FIVE_LABELS) if label != NEUTRAL]

    def loss(values: Numbers) -> tuple[float, Numbers]:
        sharpness = np.exp(values[-1])
        offsets = np.zeros(len(FIVE_LABELS))
        offsets[free] = values[:-1]
        log_probabilities = _log_softmax(sharpness * logits + offsets)
        error = np.exp(log_probabilities) - gold
        of_sharpness = sharpness * np.nansum(error * logits)
        gradient = np.append(np.nansum(error, axis=0)[free], of_sharpness)
        penalty, pull = np.sum(values**2) / (2 * _PRIOR_SPREAD**2), values / _PRIOR_SPREAD**2
        return penalty - np.nansum(log_probabilities * gold), pull + gradient

    best = minimize(loss, np.zeros(len(free) + 1), jac=True, method="L-BFGS-B").x
    offsets = dict.fromkeys(FIVE_LABELS, 0.0) | {FIVE_LABELS[place]: float(best[at]) for at, place in enumerate(free)}
    return Calibration(offsets, float(np.exp(-best[-1])), len(validation))


def apply_calibration(predictions: pd.DataFrame, calibration: Calibration) -> pd.DataFrame:
    """Return the predictions table with corrected log-probabilities, labels and confidences."""
    offsets = np.array([calibration.offsets[label] for label in FIVE_LABELS])
    logits = predictions[LOGP_COLUMNS].to_numpy(dtype=float) / calibration.temperature + offsets
    return label_predictions(predictions, pd.DataFrame(_log_softmax(logits), columns=LOGP_COLUMNS))


def prior_account(test: Pair, validation: Pair, classes: int = 3) -> PriorAccount:
    """Return what is left of two models' difference once each one's prior is corrected.

    Each pair holds the predictions of the baseline and of the tuned model; the corrections are fitted on the
    validation rows, everything else is about the test rows. ``pieces`` splits the change in accuracy and in neutral
    called positive into ``prior`` (baseline to corrected baseline) and ``beyond`` (corrected baseline to tuned model),
    each with its paired interval. The intervals are about other test rows, with the fitted corrections as they are.

    Raises:
        EmptyDataError: there are too few validation rows, or no test rows.
    """
    fitted = [fit_calibration(rows) for rows in validation]
    corrected = [apply_calibration(rows, found) for rows, found in zip(test, fitted, strict=True)]
    baseline, tuned = (
        CorrectedFigures(
            **vars(evaluate_predictions(rows, classes)), offsets=found.offsets, temperature=found.temperature
        )
        for rows, found in zip(corrected, fitted, strict=True)
    )
    return PriorAccount(baseline, tuned, _pieces((test[0], corrected[0], test[1]), classes), len(validation[0]))


def brier_scores(predictions: pd.DataFrame) -> Numbers:
    """Return each row's Brier score (Brier 1950): squared distance of its probabilities from the truth, 0 to 2."""
    probabilities = np.nan_to_num(answer_probabilities(predictions))
    truth = np.array(FIVE_LABELS)[None, :] == predictions["label"].to_numpy()[:, None]
    scores: Numbers = ((probabilities - truth) ** 2).sum(axis=1)
    return scores


def brier_mean(scores: Numbers) -> Mean:
    """Return the mean of :func:`brier_scores` with its n and its interval, that of a share on the range 0 to 2.

    The interval is None where there is nothing to estimate a spread from.
    """
    return _mean(scores / 2, 0.0, 2.0)


def brier_difference(before: Numbers, after: Numbers) -> Mean:
    """Return by how much the mean Brier score changes on the same rows, with its paired interval, as above."""
    return _mean((after - before + 2) / 4, -2.0, 4.0)


def _mean(shares: Numbers, start: float, span: float) -> Mean:
    n = len(shares)
    if n == 0:
        return Mean(None, None, 0)
    share = float(shares.mean())
    value = start + span * share
    if n < 2 or np.ptp(shares) == 0:
        return Mean(value, None, n)
    low, high = effective_bounds(share, float(shares.var(ddof=1)) / n)
    return Mean(value, Interval(start + span * float(low), start + span * float(high)), n)


def reliability_table(predictions: pd.DataFrame, bins: int = 10) -> pd.DataFrame:
    """Return how often a model is right when it is so sure: one row per non-empty bin of its confidence.

    Columns: ``confidence low, confidence high, confidence`` (mean), ``accuracy, low, high`` (Wilson), ``n``. Bins are
    of equal width over 0 to 1. A row's confidence is its answer's probability among the answers it could give.
    """
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges[1:-1], predictions["confidence"], side="right"), 0, bins - 1)
    right = (predictions["predicted"] == predictions["label"]).to_numpy()
    rows = []
    for one in np.unique(place):
        inside = place == one
        n, hits = int(inside.sum()), int(right[inside].sum())
        low, high = wilson_bounds(hits, n)
        confidence = float(predictions["confidence"].to_numpy()[inside].mean())
        rows.append((edges[one], edges[one + 1], confidence, hits / n, float(low), float(high), n))
    columns = ["confidence low", "confidence high", "confidence", "accuracy", "low", "high", "n"]
    return pd.DataFrame(rows, columns=columns)


def calibration_error(table: pd.DataFrame) -> float:
    """Return the expected calibration error (Guo et al. 2017) of a :func:`reliability_table`."""
    return float(np.average((table["accuracy"] - table["confidence"]).abs(), weights=table["n"]))


def _pieces(stages: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame], classes: int) -> PriorPieces:
    """Split the way from baseline over corrected baseline to tuned model, in two figures."""
    views = [class_view(stage, classes) for stage in stages]
    gold = views[0][1]
    right = [answer == gold for _, _, answer in views]
    called_positive = [np.isin(answer[gold == NEUTRAL], [POSITIVE, BULLISH]) for _, _, answer in views]
    return PriorPieces(accuracy=_split(*right), neutral_as_positive=_split(*called_positive))


def _split(start: Numbers, middle: Numbers, end: Numbers) -> Pieces:
    return Pieces(
        baseline=float(start.mean()) if len(start) else None,
        prior=paired_difference(start, middle),
        beyond=paired_difference(middle, end),
        total=paired_difference(start, end),
    )


def _log_softmax(logits: Numbers) -> Numbers:
    shifted = logits - np.nanmax(logits, axis=1, keepdims=True)
    normalised: Numbers = shifted - np.log(np.nansum(np.exp(shifted), axis=1, keepdims=True))
    return normalised
