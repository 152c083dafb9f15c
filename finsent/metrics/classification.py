"""Figures from predictions: accuracy, macro and per-class figures, confusion, and the comparison of two models.

Every figure has its n and a 95 % interval: Wilson's for shares and for the F1 of a class, and for averages over classes
and for differences those of :mod:`finsent.metrics.averages` and :mod:`finsent.metrics.statistics`, paired where two
models are compared. In three classes bullish counts as positive and bearish as negative. An answer that is no label is
wrong in every figure, is counted as ``invalid``, and stands in no column of the confusion matrix.
"""

from typing import Any

import numpy as np
import pandas as pd

from finsent.errors import EmptyDataError, RunError
from finsent.labels import BULLISH, FIVE_LABELS, INVALID, NEUTRAL, POSITIVE, THREE_LABELS, TO_THREE
from finsent.metrics.averages import AVERAGES, average_with_bounds, confusion_figures, difference_with_bounds
from finsent.metrics.figures import ClassFigures, Comparison, Difference, Figures, Interval
from finsent.metrics.statistics import Numbers, mcnemar, paired_difference, share_interval, wilson_bounds


def on_test_split(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the test split, which every reported figure is about."""
    return predictions[predictions["split"] == "test"].reset_index(drop=True)


def class_view(predictions: pd.DataFrame, classes: int = 3) -> tuple[list[str], Numbers, Numbers]:
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


def evaluate_predictions(predictions: pd.DataFrame, classes: int = 3) -> Figures:
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
    figures = confusion_figures(table)
    n, right = len(gold), int(np.sum(gold == predicted))
    neutral = gold == NEUTRAL
    neutral_n, called = int(np.sum(neutral)), int(np.sum(called_positive(predicted[neutral])))
    intervals = {name: _interval(average_with_bounds(name, table)[1]) for name in AVERAGES}
    return Figures(
        n=n,
        labels=labels,
        accuracy=right / n,
        accuracy_ci=_known(share_interval(right, n)),
        macro_precision=float(figures["macro_precision"]),
        macro_recall=float(figures["balanced_accuracy"]),
        macro_f1=float(figures["macro_f1"]),
        weighted_f1=float(figures["weighted_f1"]),
        balanced_accuracy=float(figures["balanced_accuracy"]),
        kappa=float(figures["kappa"]),
        macro_f1_ci=intervals["macro_f1"],
        weighted_f1_ci=intervals["weighted_f1"],
        balanced_accuracy_ci=intervals["balanced_accuracy"],
        kappa_ci=intervals["kappa"],
        per_class={label: _class_figures(table, place) for place, label in enumerate(labels)},
        neutral_as_positive=_share(called, neutral_n),
        neutral_as_positive_ci=share_interval(called, neutral_n),
        neutral_as_positive_count=called,
        neutral_n=neutral_n,
        invalid=int(np.sum(predicted == INVALID)),
        confusion=table[:, :-1].tolist(),
        confusion_invalid=table[:, -1].tolist(),
    )


def compare_predictions(baseline: pd.DataFrame, tuned: pd.DataFrame, classes: int = 3) -> Comparison:
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
    first, second = evaluate_predictions(baseline, classes), evaluate_predictions(tuned, classes)
    labels, gold, before = class_view(baseline, classes)
    _, _, after = class_view(tuned, classes)
    neutral = gold == NEUTRAL
    value, bounds = difference_with_bounds("macro_f1", _cross_table(labels, gold, before, after))
    return Comparison(
        n=len(gold),
        labels=labels,
        baseline=first,
        tuned=second,
        accuracy_difference=paired_difference(before == gold, after == gold),
        neutral_as_positive_difference=paired_difference(
            called_positive(before[neutral]), called_positive(after[neutral])
        ),
        macro_f1_difference=Difference(float(value), _interval(bounds), len(gold)),
        mcnemar=mcnemar(before == gold, after == gold),
    )


def called_positive(predicted: Numbers) -> Numbers:
    """Return which answers are positive or bullish."""
    return np.isin(predicted, [POSITIVE, BULLISH])


def f1_bounds(hits: Any, concerned: Any) -> tuple[Any, Any]:
    """Return the bounds of the 95 % interval of a class's F1, which is 2 s / (1 + s) of a share s, numbers or arrays.

    s is the share of hits among the ``concerned`` rows, those with the label as gold label or as answer (the Jaccard
    index), so Wilson's interval of s gives that of F1; it stays honest without a single hit.
    """
    low, high = wilson_bounds(hits, concerned)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def _cross_table(labels: list[str], gold: Numbers, *answers: Numbers) -> Numbers:
    """Count rows by gold label (K) and by the answer of each model (K labels and invalid)."""
    columns = [*labels, INVALID]
    places = [
        pd.Index(kinds).get_indexer(pd.Index(values))
        for kinds, values in [(labels, gold), *((columns, one) for one in answers)]
    ]
    shape = (len(labels), *[len(columns)] * len(answers))
    return np.bincount(np.ravel_multi_index(places, shape), minlength=int(np.prod(shape))).reshape(shape)


def _class_figures(table: Numbers, place: int) -> ClassFigures:
    """Return one label's figures; None, and not zero as in an average, where there is nothing to divide by."""
    hits, support, called = (int(count) for count in (table[place, place], table[place].sum(), table[:, place].sum()))
    concerned = support + called - hits
    return ClassFigures(
        precision=_share(hits, called),
        precision_ci=share_interval(hits, called),
        recall=_share(hits, support),
        recall_ci=share_interval(hits, support),
        f1=_share(2 * hits, support + called),
        f1_ci=_interval(f1_bounds(hits, concerned)) if concerned else None,
        support=support,
        called=called,
        concerned=concerned,
    )


def _share(count: int, n: int) -> float | None:
    return count / n if n else None


def _interval(bounds: tuple[Numbers, Numbers]) -> Interval:
    return Interval(*(float(bound) for bound in bounds))


def _known(interval: Interval | None) -> Interval:
    assert interval is not None, "there are rows"
    return interval
