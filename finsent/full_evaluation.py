"""Everything that can be said about a run's two models on one set of rows, as one value that is ready for JSON."""

from typing import Any

import pandas as pd

from finsent.calibration import (
    MIN_ROWS,
    Pair,
    brier_scores,
    calibration_error,
    mean_with_interval,
    prior_account,
    reliability_table,
)
from finsent.judged import OWN, judged_pair, saved_pair
from finsent.metrics import class_view, compare_predictions, evaluate_predictions, on_test_split
from finsent.predictions import MODELS, load_predictions
from finsent.references import overlap_with_training, reference_predictions
from finsent.runs import Run
from finsent.statistics import mcnemar, paired_difference


def full_evaluation(
    test: Pair, validation: Pair | None = None, training: pd.DataFrame | None = None, classes: int = 3
) -> dict[str, Any]:
    """Return the comparison of a baseline and a tuned model with everything that puts it into proportion.

    The keys of :func:`finsent.metrics.compare_predictions`, and ``prior_corrected`` (see
    :func:`finsent.calibration.prior_account`; None without enough validation rows), ``calibration`` (Brier score and
    expected calibration error), ``reference`` and ``overlap_with_training`` (None without training rows).

    Raises:
        RunError, EmptyDataError: see :func:`finsent.metrics.compare_predictions`.
    """
    return {**compare_predictions(*test, classes), **in_proportion(test, validation, training, classes)}


def in_proportion(
    test: Pair, validation: Pair | None = None, training: pd.DataFrame | None = None, classes: int = 3
) -> dict[str, Any]:
    """Return what :func:`full_evaluation` adds to the comparison of two models."""
    enough = validation is not None and len(validation[0]) >= MIN_ROWS
    return {
        "prior_corrected": prior_account(test, validation, classes) if enough else None,
        "calibration": calibration_figures(test),
        "reference": None if training is None else references(test[1], training, classes),
        "overlap_with_training": None if training is None else overlap_with_training(training, test[0]),
    }


def references(tuned: pd.DataFrame, training: pd.DataFrame, classes: int = 3) -> dict[str, Any]:
    """Return the figures of the majority label and of the bag of words, each with the tuned model's lead over it.

    ``tuned_lead`` is the difference in accuracy, tuned minus reference, with its paired interval; ``mcnemar`` its
    test, where b counts rows that only the reference gets right.
    """
    _, gold, answers = class_view(tuned, classes)
    result = {}
    for name, table in reference_predictions(training, tuned).items():
        _, _, reference = class_view(table, classes)
        result[name] = {
            **evaluate_predictions(table, classes),
            "tuned_lead": paired_difference(reference == gold, answers == gold),
            "mcnemar": mcnemar(reference == gold, answers == gold),
        }
    return result


def calibration_figures(test: Pair) -> dict[str, Any] | None:
    """Return Brier scores and expected calibration errors; None for written answers, which have no probability."""
    if any(table["confidence"].isna().any() for table in test):
        return None
    scores = [brier_scores(table) for table in test]
    figures: dict[str, Any] = {
        model: {
            "brier": mean_with_interval(score),
            "expected_calibration_error": calibration_error(reliability_table(table)),
        }
        for model, table, score in zip(MODELS, test, scores, strict=True)
    }
    return {**figures, "brier_difference": mean_with_interval(scores[1] - scores[0])}


def run_tables(run: Run, on: str = OWN) -> tuple[Pair, Pair | None, pd.DataFrame | None]:
    """Return a run's saved predictions: the pair of the set ``on``, the validation pair, and its training rows.

    Validation and training rows are the run's own whatever the set, and None where it did not keep them.

    Raises:
        RunError: see :func:`finsent.judged.judged_pair`.
    """
    if on != OWN and not run.has_comparison:
        return judged_pair(run, on), None, training_rows(run)
    own = saved_pair(run)
    test = tuple(on_test_split(table) for table in own) if on == OWN else judged_pair(run, on)
    validation = tuple(table[table["split"] == "validation"].reset_index(drop=True) for table in own)
    return test, validation, training_rows(run)


def training_rows(run: Run) -> pd.DataFrame | None:
    """Return the rows that a run was trained on (``row_id, text, label, answers``), or None if it did not keep them."""
    kept = run.folder / "predictions" / "training_rows.parquet"
    return load_predictions(kept) if kept.is_file() else None
