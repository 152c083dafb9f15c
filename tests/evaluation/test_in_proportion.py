"""The whole evaluation as one JSON value."""

import json
from pathlib import Path

import pandas as pd
import pytest

from finsent.errors import RunError
from finsent.evaluation.in_proportion import full_evaluation, references, run_tables
from finsent.inference.predictions import save_predictions
from finsent.metrics.calibration import prior_account
from finsent.metrics.classification import class_view, compare_predictions
from finsent.metrics.evaluated import Evaluation
from finsent.metrics.figures_json import from_json, to_json
from finsent.metrics.reference_models import overlap_with_training, reference_predictions
from tests.predictions import made_pair, made_run

TRAINING = pd.DataFrame(
    {"text": ["Made text a post", "Made text on news", "a post"], "label": ["bullish", "neutral", "bearish"]}
)


@pytest.fixture
def tables(tmp_path: Path):
    baseline, tuned = made_pair(300, seed=3, validation=100)
    return run_tables(made_run(tmp_path, baseline, tuned, TRAINING))


def test_a_run_gives_its_test_rows_its_validation_rows_and_its_training_rows(tables):
    test, validation, training = tables
    assert [len(table) for table in (*test, *validation)] == [200, 200, 100, 100]
    assert training.rows["text"].tolist() == training.comparable["text"].tolist() == TRAINING["text"].tolist()


@pytest.mark.parametrize("classes", [3, 5])
def test_every_figure_is_that_of_its_own_function_and_json(tables, classes: int):
    test, validation, training = tables
    figures = full_evaluation(test, validation, training, classes)
    values = json.loads(json.dumps(to_json(figures)))
    assert from_json(Evaluation, values, "a test") == figures
    assert to_json(compare_predictions(*test, classes)).items() <= values.items()
    assert figures.prior_corrected == prior_account(test, validation, classes)
    assert figures.overlap_with_training == overlap_with_training(training.rows, test[0])
    assert figures.verdict.prior == figures.prior_corrected.pieces.accuracy
    assert figures.verdict.bag_of_words.accuracy == figures.reference["tfidf_logreg"].accuracy
    assert (figures.verdict.n, figures.verdict.overlap) == (200, figures.overlap_with_training)
    assert set(figures.reference) == {"majority", "tfidf_logreg"}
    assert figures.calibration.tuned.brier.n == 200


def test_the_lead_over_a_reference_is_paired(tables):
    (_, tuned), _, taught = tables
    training = taught.comparable
    figures = references(tuned, training)["tfidf_logreg"]
    _, gold, answers = class_view(tuned)
    _, _, reference = class_view(reference_predictions(training, tuned)["tfidf_logreg"])
    assert figures.tuned_lead.value == pytest.approx((answers == gold).mean() - (reference == gold).mean())
    assert figures.mcnemar.c == int(((answers == gold) & (reference != gold)).sum())


def test_what_cannot_be_known_is_none():
    baseline, tuned = made_pair(60, seed=4)
    figures = full_evaluation((baseline, tuned), (baseline.head(0), tuned.head(0)))
    assert figures.prior_corrected is None
    assert figures.reference is None
    assert figures.overlap_with_training is None
    wrote = [table.assign(confidence=float("nan")) for table in (baseline, tuned)]
    assert full_evaluation(tuple(wrote)).calibration is None


def test_tables_of_different_rows_are_refused(tmp_path: Path):
    baseline, tuned = made_pair(60, seed=5)
    run = made_run(tmp_path, baseline, tuned)
    save_predictions(tuned.iloc[::-1], run.predictions_file("tuned"))
    with pytest.raises(RunError, match="different rows"):
        run_tables(run)
