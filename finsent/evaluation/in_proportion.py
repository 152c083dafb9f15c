"""Everything that can be said about a run's two models on one set of rows, as one value."""

from dataclasses import dataclass, replace

import pandas as pd

from finsent.data.corrections import NO_FLAGS, Flags
from finsent.metrics.calibration import (
    MIN_ROWS,
    Pair,
    brier_difference,
    brier_mean,
    brier_scores,
    calibration_error,
    prior_account,
    reliability_table,
)
from finsent.metrics.classification import class_view, compare_predictions, evaluate_predictions
from finsent.metrics.evaluated import Evaluation
from finsent.metrics.figures import (
    CalibrationFigures,
    Overlap,
    PriorAccount,
    ReferenceFigures,
    Sureness,
)
from finsent.metrics.reference_models import BAG_OF_WORDS, overlap_with_training, reference_predictions
from finsent.metrics.statistics import mcnemar, paired_difference
from finsent.metrics.verdict import Known, Verdict, judge
from finsent.runs.evaluated_sets import OWN, judged_pair, saved_pair
from finsent.runs.flags import flagged_rows
from finsent.runs.store import Run
from finsent.runs.taught import NOTHING_TAUGHT, Taught, taught_rows


@dataclass(frozen=True)
class Proportion:
    """What :class:`finsent.metrics.evaluated.Evaluation` adds to a comparison; None where it cannot be known."""

    prior_corrected: PriorAccount | None
    calibration: CalibrationFigures | None
    reference: dict[str, ReferenceFigures] | None
    overlap_with_training: Overlap | None
    unknown_training: tuple[str, ...]


def full_evaluation(
    test: Pair,
    validation: Pair | None = None,
    training: Taught = NOTHING_TAUGHT,
    classes: int = 3,
    flagged: Flags = NO_FLAGS,
) -> Evaluation:
    """Return the comparison of a baseline and a tuned model with everything that puts it into proportion.

    ``flagged`` says of which rows the label is doubted.

    Raises:
        RunError, EmptyDataError: see :func:`finsent.metrics.classification.compare_predictions`.
    """
    comparison, proportion = compare_predictions(*test, classes), in_proportion(test, validation, training, classes)
    return Evaluation(**vars(comparison), **vars(proportion), verdict=verdict_on(test, proportion, classes, flagged))


def verdict_on(test: Pair, proportion: Proportion, classes: int = 3, flagged: Flags = NO_FLAGS) -> Verdict:
    """Return the verdict on a run's two models, with what puts it into proportion.

    ``flagged`` says of which rows the label is doubted; the verdict shows itself without them, too.
    """
    account, references = proportion.prior_corrected, proportion.reference or {}
    known = Known(
        prior=None if account is None else account.pieces.accuracy,
        bag_of_words=references.get(BAG_OF_WORDS),
        overlap=proportion.overlap_with_training,
        flagged=flagged,
        unknown_training=proportion.unknown_training,
    )
    return judge(*test, classes=classes, known=known)


def run_verdict(run: Run, on: str = OWN, classes: int = 3) -> Verdict:
    """Return the verdict on a run's two models on a set of rows that they were judged on, from what was saved.

    Raises:
        RunError: see :func:`run_tables`.
        CorrectionsError: what was flagged cannot be read.
    """
    test, validation, training = run_tables(run, on)
    flagged = flagged_rows(run, test[0]["row_id"], on)
    return verdict_on(test, _weighs(test, validation, training, classes), classes, flagged)


def in_proportion(
    test: Pair, validation: Pair | None = None, training: Taught = NOTHING_TAUGHT, classes: int = 3
) -> Proportion:
    """Return what :func:`full_evaluation` adds to the comparison of two models.

    The prior is not corrected without enough validation rows (see :func:`finsent.metrics.calibration.prior_account`);
    without training rows there are neither references nor an overlap. References have learnt what the tuned adapter
    has, and where some of that is not known there are none.
    """
    return replace(_weighs(test, validation, training, classes), calibration=calibration_figures(test))


def _weighs(test: Pair, validation: Pair | None, training: Taught, classes: int) -> Proportion:
    """Return what a verdict rests on; calibration, which takes longest, has no part in it."""
    enough = validation is not None and len(validation[0]) >= MIN_ROWS
    comparable, taught = training.comparable, training.rows
    return Proportion(
        prior_corrected=prior_account(test, validation, classes) if validation is not None and enough else None,
        calibration=None,
        reference=None if comparable is None else references(test[1], comparable, classes),
        overlap_with_training=None if taught is None else overlap_with_training(taught, test[0]),
        unknown_training=training.gaps,
    )


def references(tuned: pd.DataFrame, training: pd.DataFrame, classes: int = 3) -> dict[str, ReferenceFigures]:
    """Return the figures of the majority label and of the bag of words, each with the tuned model's lead over it.

    ``tuned_lead`` is the difference in accuracy, tuned minus reference, with its paired interval; ``mcnemar`` its
    test, where b counts rows that only the reference gets right.
    """
    _, gold, answers = class_view(tuned, classes)
    result = {}
    for name, table in reference_predictions(training, tuned).items():
        _, _, reference = class_view(table, classes)
        result[name] = ReferenceFigures(
            **vars(evaluate_predictions(table, classes)),
            tuned_lead=paired_difference(reference == gold, answers == gold),
            mcnemar=mcnemar(reference == gold, answers == gold),
        )
    return result


def calibration_figures(test: Pair) -> CalibrationFigures | None:
    """Return Brier scores and expected calibration errors; None for written answers, which have no probability."""
    if any(table["confidence"].isna().any() for table in test):
        return None
    scores = [brier_scores(table) for table in test]
    baseline, tuned = (
        Sureness(brier_mean(score), calibration_error(reliability_table(table)))
        for table, score in zip(test, scores, strict=True)
    )
    return CalibrationFigures(baseline, tuned, brier_difference(*scores))


def run_tables(run: Run, on: str = OWN) -> tuple[Pair, Pair | None, Taught]:
    """Return a run's predictions of the set ``on`` and of its validation rows, and what its adapter has learnt.

    The latter two are the same whatever the set; the validation pair is None where the run did not keep it.

    Raises:
        RunError: see :func:`finsent.runs.evaluated_sets.judged_pair`.
    """
    if on != OWN and not run.has_comparison:
        return judged_pair(run, on), None, taught_rows(run)
    own = saved_pair(run)
    test = _both(own, "test") if on == OWN else judged_pair(run, on)
    return test, _both(own, "validation"), taught_rows(run)


def _both(pair: Pair, split: str) -> Pair:
    baseline, tuned = (table[table["split"] == split].reset_index(drop=True) for table in pair)
    return baseline, tuned
