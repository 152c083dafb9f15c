"""The threshold for positive and its price, counted again with scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from finsent.errors import EmptyDataError
from finsent.inference.predictions import answer_probabilities
from finsent.labels import THREE_LABELS, TO_THREE
from finsent.metrics.thresholds import (
    apply_threshold,
    pick_threshold,
    positive_probability,
    threshold_choice,
    threshold_curve,
)
from tests.predictions import made_pair, made_predictions


def test_an_even_chance_of_two_is_the_ordinary_answer():
    table = made_predictions(["neutral", "bullish", "negative"], ["positive", "neutral", "negative"])
    assert apply_threshold(table, 0.5)["predicted"].tolist() == ["positive", "neutral", "negative"]
    assert positive_probability(table) == pytest.approx([0.8, 0.1, 0.1])


def test_a_strict_threshold_gives_the_likelier_other_answer_and_its_probability():
    table = made_predictions(["neutral", "bullish"], ["positive", "bullish"])
    table["logp_neutral"] = np.log([0.15, 0.05])
    strict = apply_threshold(table, 0.95)
    assert strict["predicted"].tolist() == ["neutral", "bearish"]
    shares = answer_probabilities(table)
    assert strict["confidence"].tolist() == [shares[0, 2], shares[1, 1]]


def test_zero_calls_everything_positive_in_its_own_words():
    table = made_predictions(["neutral", "bullish"], ["neutral", "bearish"])
    assert apply_threshold(table, 0.0)["predicted"].tolist() == ["positive", "bullish"]


def test_the_curve_says_what_applying_the_threshold_does():
    table = made_pair(300, seed=1)[1]
    curve = threshold_curve(table)
    gold = table["label"].map(TO_THREE)
    for _, row in curve.iloc[1 :: len(curve) // 7].iterrows():
        predicted = apply_threshold(table, row["threshold"])["predicted"].map(TO_THREE)
        counts = confusion_matrix(gold, predicted, labels=THREE_LABELS)
        assert row["neutral as positive"] == pytest.approx(counts[1, 2] / counts[1].sum())
        assert row["positive recall"] == pytest.approx(counts[2, 2] / counts[2].sum())
    assert curve["threshold"].is_monotonic_decreasing
    assert curve["positive recall"].is_monotonic_increasing


def test_the_picked_threshold_is_the_most_lenient_that_keeps_the_promise():
    table = made_pair(600, seed=2)[0]
    threshold = pick_threshold(table, 0.05)
    neutral = table[table["label"] == "neutral"]

    def called_positive(value: float) -> float:
        return (apply_threshold(neutral, value)["predicted"].map(TO_THREE) == "positive").mean()

    assert called_positive(threshold) <= 0.05
    curve = threshold_curve(table)
    lower = curve.loc[curve["threshold"] < threshold, "threshold"].iloc[0]
    assert called_positive(lower) > 0.05


@pytest.mark.parametrize(("target", "threshold"), [(0.2, 0.95), (0.25, 0.9), (0.5, 0.8), (0.75, 0.7)])
def test_between_neutral_texts_in_a_row_the_threshold_is_picked_as_leniently(target: float, threshold: float):
    rows = made_predictions(["positive", *["neutral"] * 4, "positive"], ["positive"] * 6)
    shares = np.array([0.95, 0.9, 0.8, 0.7, 0.6, 0.5])
    rows["logp_positive"] = np.log(shares)
    rows["logp_neutral"] = rows["logp_negative"] = np.log((1 - shares) / 2)
    assert pick_threshold(rows, target) == pytest.approx(threshold)


def test_without_positive_rows_there_is_no_curve():
    table = made_predictions(["neutral", "negative"], ["neutral", "positive"])
    assert threshold_curve(table).empty
    with pytest.raises(EmptyDataError):
        pick_threshold(table, 0.05)


def test_the_choice_is_made_on_validation_rows_and_judged_on_test_rows():
    validation, test = made_pair(400, seed=3)[1], made_pair(300, seed=4)[1]
    choice = threshold_choice(validation, test, 0.1)
    assert choice.threshold == pick_threshold(validation, 0.1)
    gold = test["label"].map(TO_THREE)
    strict = apply_threshold(test, choice.threshold)["predicted"].map(TO_THREE)
    counts = confusion_matrix(gold, strict, labels=THREE_LABELS)
    before = confusion_matrix(gold, test["predicted"].map(TO_THREE), labels=THREE_LABELS)
    for name, row in (("neutral_as_positive", 1), ("positive_recall", 2)):
        with_it, without = (table[row, 2] / table[row].sum() for table in (counts, before))
        effect = getattr(choice, name)
        assert effect.with_threshold == pytest.approx(with_it)
        assert effect.without == pytest.approx(without)
        assert effect.difference.value == pytest.approx(with_it - without)
        assert effect.difference.n == counts[row].sum()
