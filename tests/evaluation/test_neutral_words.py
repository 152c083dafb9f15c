"""Words that go with being called positive, against values worked out by hand and by scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind

from finsent.evaluation.neutral_words import apart_from_zero, word_contrast, word_push

TEXTS = ["proud launch", "proud launch now", "plain notice", "plain notice proud", "plain notice 2024", "plain"]
LABELS = ["positive", "bullish", "neutral", "neutral", "negative", "neutral"]
MARGINS = [2.0, 3.0, -1.0, 0.5, -2.0, -1.5]


@pytest.fixture
def items():
    return pd.DataFrame({"text": TEXTS, "baseline": LABELS, "tuned": ["neutral"] * 6, "baseline margin": MARGINS})


def test_counts_are_of_texts_and_the_log_odds_have_the_pooled_prior(items):
    table = word_contrast(items, "baseline", min_texts=2).set_index("word")
    # Words in two texts or more: launch 2, notice 3, plain 4, proud 3; figures are no words, "now" is too rare.
    assert set(table.index) == {"launch", "notice", "plain", "proud"}
    assert table.loc["proud", ["positive", "other"]].tolist() == [2, 1]
    assert table.loc["proud", "positive share"] == 1.0
    assert table.loc["proud", "other share"] == 0.25
    # Counts: 4 in the positive group and 8 in the others, 12 in the prior.
    expected = np.log((2 + 3) / (4 + 12 - 5)) - np.log((1 + 3) / (8 + 12 - 4))
    error = np.sqrt(1 / (2 + 3) + 1 / (1 + 3))
    assert table.loc["proud", "log_odds"] == pytest.approx(expected)
    assert table.loc["proud", "z"] == pytest.approx(expected / error)
    assert table.loc["proud", "high"] == pytest.approx(expected + 1.959964 * error)
    assert table["z"].is_monotonic_decreasing
    assert table.index[-1] == "plain"


def test_one_group_alone_sets_no_word_apart(items):
    assert word_contrast(items, "tuned").empty
    assert word_contrast(items.assign(tuned="positive"), "tuned").empty


def test_the_push_is_a_difference_of_means_with_welchs_interval(items):
    table = word_push(items, "baseline", min_texts=2).set_index("word")
    margins, having = np.array(MARGINS), np.array(["proud" in text for text in TEXTS])
    interval = ttest_ind(margins[having], margins[~having], equal_var=False).confidence_interval(0.95)
    row = table.loc["proud"]
    assert row["texts"] == 3
    assert row["with"] == pytest.approx(5.5 / 3)
    assert row["difference"] == pytest.approx(5.5 / 3 + 1.5)
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))
    assert table.index[0] == "launch"


def test_words_too_rare_or_everywhere_are_left_out(items):
    assert word_push(items, "baseline", min_texts=7).empty
    everywhere = items.assign(text="same words here")
    assert word_push(everywhere, "baseline").empty


def test_texts_without_a_word(items):
    figures = items.assign(text="12 34")
    assert word_push(figures, "baseline").empty
    assert word_contrast(figures, "baseline").empty


def test_intervals_that_leave_zero_outside_are_counted():
    assert apart_from_zero(pd.DataFrame({"low": [0.1, -1.0, -2.0], "high": [0.5, 1.0, -0.3]})) == 2
