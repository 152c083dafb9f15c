"""Figures of predictions: twelve rows counted by hand, and scikit-learn called directly on random ones."""

import json

import numpy as np
import pytest
from scipy.stats import bootstrap
from sklearn.metrics import (
    balanced_accuracy_score,
    cohen_kappa_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
)

from finsent.errors import EmptyDataError, RunError
from finsent.labels import FIVE_LABELS, INVALID, THREE_LABELS, TO_THREE
from finsent.metrics.classification import compare_predictions, evaluate_predictions, f1_bounds, on_test_split
from finsent.metrics.figures import ClassFigures
from finsent.metrics.figures_json import to_json
from finsent.metrics.statistics import share_interval
from tests.predictions import made_pair, made_predictions, twelve


@pytest.fixture(scope="module")
def counted():
    return compare_predictions(*twelve())


def test_the_baseline_of_twelve_rows(counted):
    figures = counted.baseline
    assert (counted.n, figures.n) == (12, 12)
    assert figures.labels == ["negative", "neutral", "positive"]
    assert figures.confusion == [[1, 0, 2], [0, 1, 4], [0, 0, 4]]
    assert figures.confusion_invalid == [0, 0, 0]
    assert figures.accuracy == pytest.approx(6 / 12)
    assert (figures.neutral_as_positive_count, figures.neutral_n) == (4, 5)
    assert figures.neutral_as_positive == pytest.approx(0.8)
    assert figures.per_class["positive"].precision == pytest.approx(4 / 10)
    assert figures.per_class["positive"].recall == 1
    assert figures.per_class["negative"].f1 == pytest.approx(2 / 4)
    assert figures.macro_f1 == pytest.approx((2 / 4 + 2 / 6 + 8 / 14) / 3)
    assert figures.balanced_accuracy == pytest.approx((1 / 3 + 1 / 5 + 1) / 3)
    # Chance agreement: (3·1 + 5·1 + 4·10) / 144.
    assert figures.kappa == pytest.approx((6 / 12 - 48 / 144) / (1 - 48 / 144))


def test_the_tuned_model_of_twelve_rows(counted):
    figures = counted.tuned
    assert figures.confusion == [[3, 0, 0], [0, 3, 2], [0, 1, 2]]
    assert figures.confusion_invalid == [0, 0, 1]
    assert figures.invalid == 1
    assert figures.accuracy == pytest.approx(8 / 12)
    assert figures.neutral_as_positive == pytest.approx(0.4)
    assert figures.per_class["positive"].support == 4


def test_the_difference_of_twelve_rows(counted):
    assert counted.accuracy_difference.value == pytest.approx(2 / 12)
    assert counted.neutral_as_positive_difference.value == pytest.approx(-2 / 5)
    assert counted.neutral_as_positive_difference.n == 5
    # Rows 2, 3, 4, 5, 6 are fixed; rows 7, 10 and 11 broken.
    assert (counted.mcnemar.b, counted.mcnemar.c) == (3, 5)
    json.dumps(to_json(counted))


def test_the_five_label_view():
    figures = evaluate_predictions(twelve()[0], classes=5)
    assert figures.labels == list(FIVE_LABELS)
    assert figures.confusion[1] == [0, 0, 0, 1, 0]
    assert figures.confusion[2] == [0, 0, 1, 0, 4]
    assert figures.neutral_as_positive == pytest.approx(0.8)


# An invalid answer is no gold label, which scikit-learn remarks on.
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true:UserWarning")
@pytest.mark.parametrize("classes", [3, 5])
@pytest.mark.parametrize("seed", range(3))
def test_every_figure_is_scikit_learns(classes, seed):
    table = made_pair(400, seed)[0]
    table.loc[::17, "predicted"] = INVALID
    figures = evaluate_predictions(table, classes)
    labels = list(FIVE_LABELS if classes == 5 else THREE_LABELS)
    gold, predicted = table["label"], table["predicted"]
    if classes == 3:
        gold, predicted = gold.map(TO_THREE), predicted.map(TO_THREE)
    whole = confusion_matrix(gold, predicted, labels=[*labels, INVALID])
    assert figures.confusion == whole[:-1, :-1].tolist()
    assert figures.confusion_invalid == whole[:-1, -1].tolist()
    scores = precision_recall_fscore_support(gold, predicted, labels=labels, zero_division=0)
    for place, label in enumerate(labels):
        mine = figures.per_class[label]
        theirs = [values[place] for values in scores]
        assert [mine.precision, mine.recall, mine.f1, mine.support] == pytest.approx(theirs)
        hits, called = whole[place, place], whole[:, place].sum()
        assert mine.precision_ci == pytest.approx(share_interval(hits, called))
        assert mine.recall_ci == pytest.approx(share_interval(hits, whole[place].sum()))
    for average in ("macro", "weighted"):
        theirs = f1_score(gold, predicted, labels=labels, average=average, zero_division=0)
        assert getattr(figures, f"{average}_f1") == pytest.approx(theirs)
    assert figures.macro_recall == pytest.approx(balanced_accuracy_score(gold, predicted))
    assert figures.balanced_accuracy == pytest.approx(balanced_accuracy_score(gold, predicted))
    assert figures.kappa == pytest.approx(cohen_kappa_score(gold, predicted))


def test_intervals_of_averages_are_the_bootstraps():
    table = made_pair(250, 5)[1]
    gold, predicted = table["label"].map(TO_THREE).to_numpy(), table["predicted"].map(TO_THREE).to_numpy()
    mine = evaluate_predictions(table)
    for name, figure in (
        ("macro_f1", lambda a, b: f1_score(a, b, average="macro", zero_division=0)),
        ("kappa", cohen_kappa_score),
    ):
        theirs = bootstrap(
            (np.arange(len(table)),),
            lambda places, figure=figure: figure(gold[places], predicted[places]),
            vectorized=False,
            n_resamples=600,
            method="percentile",
            rng=np.random.default_rng(0),
        ).confidence_interval
        assert getattr(mine, f"{name}_ci") == pytest.approx(list(theirs), abs=0.02)


def test_the_interval_of_f1():
    table = made_pair(250, 5)[1]
    figures = evaluate_predictions(table).per_class["neutral"]
    gold, predicted = table["label"] == "neutral", table["predicted"] == "neutral"
    theirs = bootstrap(
        (np.arange(len(table)),),
        lambda places: f1_score(gold[places], predicted[places], zero_division=0),
        vectorized=False,
        n_resamples=600,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert figures.f1_ci == pytest.approx(list(theirs), abs=0.03)
    # Without a hit among ten rows: Wilson's bound of 0 out of 10 is 0.2775.
    low, high = evaluate_predictions(made_predictions(["neutral"] * 10, ["positive"] * 10)).per_class["neutral"].f1_ci
    assert (low, high) == pytest.approx((0, 2 * 0.27753 / 1.27753), abs=1e-4)


@pytest.mark.parametrize("skill", [0.2, 0.8])
def test_intervals_of_f1_cover(skill):
    """The true F1 of a class lies in 93 to 98 % of 1,000 intervals, of a weak and of a strong model."""
    rng = np.random.default_rng(7)
    # Rows of the class that are found, that are missed, others called it, and the rest.
    shares = np.array([0.3 * skill, 0.3 * (1 - skill), 0.7 * 0.2 * (1 - skill), 0])
    shares[3] = 1 - shares.sum()
    truth = 2 * shares[0] / (2 * shares[0] + shares[1] + shares[2])
    covered = 0
    for hits, missed, false, _ in rng.multinomial(150, shares, size=1_000):
        low, high = f1_bounds(int(hits), int(hits + missed + false))
        covered += low <= truth <= high
    assert 930 <= covered <= 980


def test_the_interval_of_the_macro_f1_difference_is_paired():
    before, after = made_pair(300, 1)
    compared = compare_predictions(before, after)
    difference = compared.macro_f1_difference
    assert difference.value == pytest.approx(compared.tuned.macro_f1 - compared.baseline.macro_f1)
    assert difference.ci[0] < difference.value < difference.ci[1]
    # As pairs the same answers never differ, so that only rows that were not seen leave room.
    same = compare_predictions(before, before)
    assert same.macro_f1_difference.ci == pytest.approx(same.accuracy_difference.ci, abs=1e-12)
    assert same.macro_f1_difference.value == 0
    assert 0 < same.macro_f1_difference.ci[1] < 0.02


def test_an_invalid_answer_is_never_neutral():
    figures = evaluate_predictions(made_predictions(["neutral", "neutral"], [INVALID, "neutral"]))
    assert figures.accuracy == 0.5
    assert figures.confusion[1] == [0, 1, 0]
    assert figures.invalid == 1


def test_labels_without_rows():
    figures = evaluate_predictions(made_predictions(["positive"] * 3, ["positive", "neutral", "positive"]))
    assert figures.neutral_as_positive is None
    assert figures.neutral_as_positive_ci is None
    # Nothing to divide by is no figure, and not a bad one; averages pass such a label over.
    assert figures.per_class["negative"] == ClassFigures(None, None, None, None, None, None, 0, 0, 0)
    neutral = figures.per_class["neutral"]
    assert (neutral.precision, neutral.recall, neutral.recall_ci, neutral.f1) == (0.0, None, None, 0.0)
    never_called = evaluate_predictions(made_predictions(["positive", "neutral"], ["positive", "positive"]))
    neutral = never_called.per_class["neutral"]
    assert (neutral.precision, neutral.recall, neutral.f1) == (None, 0.0, 0.0)
    assert never_called.macro_precision == pytest.approx(0.25)
    assert figures.macro_f1 == pytest.approx(0.8)


def test_what_cannot_be_judged():
    table, _ = made_pair(10)
    with pytest.raises(EmptyDataError, match="no rows"):
        evaluate_predictions(table.head(0))
    with pytest.raises(RunError, match="same rows"):
        compare_predictions(table, table.iloc[::-1])
    with pytest.raises(ValueError, match="3 or 5"):
        evaluate_predictions(table, classes=4)


def test_only_test_rows_are_reported():
    table, _ = made_pair(10, validation=4)
    assert on_test_split(table)["row_id"].tolist() == [f"r{place}" for place in range(4, 10)]


def test_averages_over_rows_that_are_all_alike_claim_no_certainty():
    right = made_predictions(["neutral"] * 15 + ["positive"] * 15, ["neutral"] * 15 + ["positive"] * 15)
    figures = evaluate_predictions(right)
    for name in ("macro_f1", "weighted_f1", "balanced_accuracy", "kappa"):
        assert getattr(figures, f"{name}_ci") == (pytest.approx(figures.accuracy_ci.low), 1.0)
    same = compare_predictions(right, right)
    assert same.macro_f1_difference.ci == pytest.approx(same.accuracy_difference.ci, abs=1e-12)
    one = evaluate_predictions(made_predictions(["neutral"], ["neutral"]))
    assert one.macro_f1_ci[0] < 0.3
