"""Figures from predictions: accuracy, macro and per-class figures, confusion, and the comparison of two models.

All figures are plain Python values, ready for JSON, each with its n. Shares and the F1 of a class carry 95 % Wilson
intervals; averages over classes and all differences carry 95 % bootstrap intervals, paired where two models are
compared. In three classes bullish counts as positive and bearish as negative. An answer that is no label is wrong in
every figure, is counted as ``invalid``, and stands in no column of the confusion matrix.
"""

from typing import Any

import numpy as np
import pandas as pd

from finsent.errors import EmptyDataError, RunError
from finsent.labels import BULLISH, FIVE_LABELS, INVALID, NEUTRAL, POSITIVE, THREE_LABELS, TO_THREE
from finsent.statistics import mcnemar, paired_difference, resample_counts, resampled_interval, share_interval

#: Figures computed from a confusion matrix whose intervals come from the bootstrap.
AVERAGES = ("macro_f1", "weighted_f1", "balanced_accuracy", "kappa")
#: Their least values; kappa is negative where a model agrees less than chance would.
_LEAST = dict.fromkeys(AVERAGES, 0.0) | {"kappa": -1.0}


def on_test_split(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the test split, which every reported figure is about."""
    return predictions[predictions["split"] == "test"].reset_index(drop=True)


def class_view(predictions: pd.DataFrame, classes: int = 3) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the labels of a view over three or five classes, and the gold and predicted label of each row.

    Raises:
        ValueError: ``classes`` is neither 3 nor 5.
    """
    if classes not in (3, 5):
        raise ValueError(f"classes must be 3 or 5, not {classes}")
    gold, predicted = predictions["label"], predictions["predicted"]
    if classes == 3:
        gold, predicted = gold.map(TO_THREE), predicted.map(TO_THREE)
    return list(THREE_LABELS if classes == 3 else FIVE_LABELS), gold.to_numpy(str), predicted.to_numpy(str)


def evaluate_predictions(predictions: pd.DataFrame, classes: int = 3) -> dict[str, Any]:
    """Return every figure of one model on the rows of a predictions table.

    ``confusion`` has gold in rows and predicted in columns, in the order of ``labels``; ``confusion_invalid`` has,
    for each gold label, the number of invalid answers. ``neutral_as_positive`` is the share of neutral rows that are
    called positive or bullish (None without neutral rows). Averages are over the labels that occur as gold labels.

    Raises:
        EmptyDataError: the table has no rows.
    """
    if predictions.empty:
        raise EmptyDataError("There are no rows to judge. Choose a data set with labelled rows.")
    labels, gold, predicted = class_view(predictions, classes)
    table = _cross_table(labels, gold, predicted)
    figures, draws = confusion_figures(table), confusion_figures(resample_counts(table))
    n, right = len(gold), int(np.sum(gold == predicted))
    return {
        "n": n,
        "labels": labels,
        "accuracy": right / n,
        "accuracy_ci": share_interval(right, n),
        "macro_precision": float(figures["macro_precision"]),
        "macro_recall": float(figures["balanced_accuracy"]),
        **{name: float(figures[name]) for name in AVERAGES},
        **{f"{name}_ci": resampled_interval(float(figures[name]), draws[name], n, _LEAST[name]) for name in AVERAGES},
        "per_class": _per_class(labels, table, figures),
        **_neutral_as_positive(gold, predicted),
        "invalid": int(np.sum(predicted == INVALID)),
        "confusion": table[:, :-1].tolist(),
        "confusion_invalid": table[:, -1].tolist(),
    }


def compare_predictions(baseline: pd.DataFrame, tuned: pd.DataFrame, classes: int = 3) -> dict[str, Any]:
    """Return both models' figures on the same rows, and whether they differ.

    ``accuracy_difference``, ``neutral_as_positive_difference`` and ``macro_f1_difference`` are tuned minus baseline
    with paired intervals; ``mcnemar`` counts rows that only the baseline (b) or only the tuned model (c) gets right.

    Raises:
        RunError: the tables are not about the same rows in the same order.
        EmptyDataError: they have no rows.
    """
    if baseline["row_id"].tolist() != tuned["row_id"].tolist():
        raise RunError(
            "The predictions of the baseline and of the fine-tuned model are not about the same rows. Evaluate the "
            "run again."
        )
    figures = {
        "baseline": evaluate_predictions(baseline, classes),
        "tuned": evaluate_predictions(tuned, classes),
    }
    labels, gold, before = class_view(baseline, classes)
    _, _, after = class_view(tuned, classes)
    neutral = gold == NEUTRAL
    return {
        "n": len(gold),
        "labels": labels,
        **figures,
        "accuracy_difference": paired_difference(before == gold, after == gold),
        "neutral_as_positive_difference": paired_difference(_positive(before[neutral]), _positive(after[neutral])),
        "macro_f1_difference": _macro_f1_difference(labels, gold, before, after),
        "mcnemar": mcnemar(before == gold, after == gold),
    }


def confusion_figures(table: np.ndarray) -> dict[str, np.ndarray]:
    """Return the figures of one or many confusion matrices, shape (..., K, K + 1), the last column invalid answers.

    ``precision``, ``recall`` and ``f1`` have shape (..., K), the averages (...). 0/0 counts as 0, as scikit-learn does
    with ``zero_division=0``. Averages are over the labels with gold rows. ``kappa`` is Cohen's (1960), the agreement
    beyond what the two label distributions give by chance.
    """
    table = np.asarray(table, dtype=float)
    hits = np.diagonal(table, axis1=-2, axis2=-1)
    support, called, n = table.sum(-1), table[..., :-1].sum(-2), table.sum((-2, -1))
    present = support > 0
    precision, recall = _ratio(hits, called), _ratio(hits, support)
    f1 = _ratio(2 * hits, support + called)
    accuracy, chance = hits.sum(-1) / n, (support * called).sum(-1) / n**2
    kinds = np.maximum(present.sum(-1), 1)
    return {
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "macro_precision": (precision * present).sum(-1) / kinds,
        "macro_f1": (f1 * present).sum(-1) / kinds,
        "weighted_f1": (f1 * support).sum(-1) / n,
        "balanced_accuracy": recall.sum(-1) / kinds,
        "kappa": _ratio(accuracy - chance, 1 - chance),
    }


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.zeros(np.broadcast(above, below).shape), where=below != 0)


def _cross_table(labels: list[str], gold: np.ndarray, *answers: np.ndarray) -> np.ndarray:
    """Count rows by gold label (K) and by the answer of each model (K labels and invalid)."""
    columns = [*labels, INVALID]
    places = [pd.Index(labels).get_indexer(gold), *(pd.Index(columns).get_indexer(answer) for answer in answers)]
    shape = (len(labels), *[len(columns)] * len(answers))
    return np.bincount(np.ravel_multi_index(places, shape), minlength=int(np.prod(shape))).reshape(shape)


def _macro_f1_difference(labels: list[str], gold: np.ndarray, before: np.ndarray, after: np.ndarray) -> dict[str, Any]:
    joint = _cross_table(labels, gold, before, after)

    def difference(tables: np.ndarray) -> np.ndarray:
        return confusion_figures(tables.sum(-2))["macro_f1"] - confusion_figures(tables.sum(-1))["macro_f1"]

    value = float(difference(joint))
    draws = difference(resample_counts(joint))
    return {"value": value, "ci": resampled_interval(value, draws, len(gold), least=-1.0), "n": len(gold)}


def _f1_interval(hits: int, concerned: int) -> list[float] | None:
    """Return the 95 % interval of a class's F1, which is 2 s / (1 + s) of a share s.

    s is the share of hits among the ``concerned`` rows, those with the label as gold label or as answer (the Jaccard
    index), so Wilson's interval of s gives that of F1; unlike the bootstrap's it stays honest without a single hit.
    """
    ends = share_interval(hits, concerned)
    return None if ends is None else [2 * share / (1 + share) for share in ends]


def _per_class(labels: list[str], table: np.ndarray, figures: dict[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    result = {}
    for place, label in enumerate(labels):
        hits, support, called = (
            int(count) for count in (table[place, place], table[place].sum(), table[:, place].sum())
        )
        concerned = support + called - hits
        result[label] = {
            "precision": float(figures["precision"][place]),
            "precision_ci": share_interval(hits, called),
            "recall": float(figures["recall"][place]),
            "recall_ci": share_interval(hits, support),
            "f1": float(figures["f1"][place]),
            "f1_ci": _f1_interval(hits, concerned),
            "support": support,
            "called": called,
            "concerned": concerned,
        }
    return result


def _neutral_as_positive(gold: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    neutral = gold == NEUTRAL
    n, count = int(np.sum(neutral)), int(np.sum(_positive(predicted[neutral])))
    return {
        "neutral_as_positive": count / n if n else None,
        "neutral_as_positive_ci": share_interval(count, n),
        "neutral_as_positive_count": count,
        "neutral_n": n,
    }


def _positive(predicted: np.ndarray) -> np.ndarray:
    return np.isin(predicted, [POSITIVE, BULLISH])
