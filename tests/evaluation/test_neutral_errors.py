"""Which neutral texts fail, for whom, and how the filters and groups count them: all by hand."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from finsent.errors import RunError, RunStateError
from finsent.evaluation.neutral_errors import (
    OTHER_GROUPS,
    UNNAMED,
    ItemFilter,
    error_summary,
    filter_items,
    group_errors,
    item_probabilities,
    neutral_errors,
    neutral_items,
    run_items,
)
from finsent.inference.predictions import LOGP_COLUMNS, label_predictions
from finsent.labels import POST_ANSWERS, join_answers
from finsent.metrics.comparison import BROKEN, FIXED, STILL_RIGHT, STILL_WRONG
from finsent.recipe import get_recipe
from finsent.runs.rows import training_rows
from finsent.runs.store import create_run
from tests.predictions import made_predictions, made_run

GOLD = ["neutral", "neutral", "neutral", "neutral", "positive", "neutral"]
BEFORE = ["positive", "positive", "neutral", "neutral", "positive", "invalid"]
AFTER = ["neutral", "negative", "positive", "neutral", "neutral", "neutral"]


@pytest.fixture
def items():
    items = neutral_items(made_predictions(GOLD, BEFORE, 0.8), made_predictions(GOLD, AFTER, 0.6))
    return items.assign(topic=["dividends", "dividends", "results", "", ""], source=["a", "b", "a", "a", "a"])


def ids(table):
    return table["row_id"].tolist()


def test_only_neutral_texts_are_items_and_each_has_its_outcome(items):
    assert ids(items) == ["r0", "r1", "r2", "r3", "r5"]
    assert items["outcome"].tolist() == [FIXED, STILL_WRONG, BROKEN, STILL_RIGHT, FIXED]
    assert items.loc[0, "baseline margin"] == pytest.approx(np.log(0.8 / 0.1))
    assert items.loc[0, "tuned margin"] == pytest.approx(np.log(0.2 / 0.6))


def test_errors_come_with_what_training_left_first(items):
    assert ids(neutral_errors(items)) == ["r1", "r2", "r0", "r5"]


def test_within_an_outcome_the_surest_wrong_answer_comes_first(items):
    items.loc[0, "baseline confidence"] = 0.31
    items.loc[4, "baseline confidence"] = 0.32
    # The tuned model's right answer is sure, but it is the wrong one that counts.
    items.loc[0, "tuned confidence"] = 0.99
    assert ids(neutral_errors(items))[2:] == ["r5", "r0"]


def test_the_summary_counts_each_model_with_a_wilson_interval(items):
    summary = error_summary(items)
    assert summary.n == 5
    assert summary.outcomes == {STILL_WRONG: 1, BROKEN: 1, FIXED: 2, STILL_RIGHT: 1}
    baseline, tuned = summary.baseline, summary.tuned
    # An invalid answer is wrong and not positive.
    assert (baseline.wrong, baseline.positive) == (3, 2)
    assert (tuned.wrong, tuned.positive) == (2, 1)
    assert tuned.wrong_share == 0.4
    assert baseline.wrong_ci == pytest.approx(proportion_confint(3, 5, method="wilson"))


def test_no_neutral_text_gives_no_share():
    table = made_predictions(["positive"], ["positive"])
    summary = error_summary(neutral_items(table, table))
    assert summary.n == 0
    assert summary.baseline.wrong_share is None and summary.baseline.wrong_ci is None


def test_a_post_called_bullish_counts_as_positive_and_keeps_its_own_answer_set():
    rows = pd.DataFrame({"row_id": ["p"], "text": ["$ABC flat"], "label": ["neutral"], "source": ["x"], "topic": [""]})
    rows = rows.assign(answers=join_answers(POST_ANSWERS), split="test")
    scores = pd.DataFrame([[np.nan, np.log(0.1), np.log(0.2), np.log(0.7), np.nan]], columns=LOGP_COLUMNS)
    table = label_predictions(rows, scores)
    items = neutral_items(table, table)
    assert error_summary(items).tuned.positive == 1
    assert items.loc[0, "tuned margin"] == pytest.approx(np.log(3.5))
    assert item_probabilities(items.iloc[0], "tuned") == pytest.approx({"bearish": 0.1, "neutral": 0.2, "bullish": 0.7})


def test_tables_of_other_rows_are_refused():
    table = made_predictions(GOLD, BEFORE)
    with pytest.raises(RunError, match="not about the same rows"):
        neutral_items(table, table.iloc[::-1].reset_index(drop=True))


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        (ItemFilter(), ["r1", "r2", "r0", "r5"]),
        (ItemFilter(outcomes=[FIXED]), ["r0", "r5"]),
        (ItemFilter(outcomes=[STILL_WRONG, BROKEN]), ["r1", "r2"]),
        (ItemFilter(called=["positive"]), ["r1", "r2", "r0"]),
        (ItemFilter(called=["invalid"]), ["r5"]),
        # 0.8 is the baseline's confidence, 0.6 the tuned model's; only wrong answers count.
        (ItemFilter(confidence=(0.7, 1.0)), ["r1", "r0"]),
        (ItemFilter(confidence=(0.5, 0.7)), ["r1", "r2"]),
        # Label and confidence are about one and the same answer.
        (ItemFilter(called=["positive"], confidence=(0.5, 0.7)), ["r2"]),
        (ItemFilter(topics=["dividends"]), ["r1", "r0"]),
        (ItemFilter(sources=["b"]), ["r1"]),
        (ItemFilter(row_ids=["r5", "r3"]), ["r5"]),
        (ItemFilter(row_ids=[]), []),
        (ItemFilter(search="TEXT 2 "), ["r2"]),
        (ItemFilter(search=".*"), []),
        (ItemFilter(search="("), []),
        (ItemFilter(outcomes=[FIXED], called=["positive"], topics=["dividends"], search="text"), ["r0"]),
    ],
)
def test_filters(items, wanted, left):
    assert ids(filter_items(neutral_errors(items), wanted)) == left


def test_groups_carry_their_n_and_intervals(items):
    table = group_errors(items).set_index("topic")
    assert table.index.tolist() == [UNNAMED, "dividends", "results"]
    assert table["n"].tolist() == [2, 2, 1]
    assert table.loc["dividends", ["baseline wrong", "tuned wrong"]].tolist() == [2, 1]
    interval = table.loc["dividends", ["tuned low", "tuned high"]].astype(float).tolist()
    assert interval == pytest.approx(list(proportion_confint(1, 2, method="wilson")))


def test_many_groups_are_cut_to_the_largest_and_the_others_come_last(items):
    table = group_errors(items, most=2)
    assert table["topic"].tolist()[-1] == OTHER_GROUPS
    assert (len(table), table["n"].sum()) == (2, 5)


def test_no_items_have_no_groups(items):
    assert group_errors(items.iloc[:0]).empty


def test_a_runs_items_are_those_of_one_split(runs_dir):
    before, after = made_predictions(GOLD, BEFORE), made_predictions(GOLD, AFTER)
    for table in (before, after):
        table.loc[:2, "split"] = "validation"
    run = made_run(runs_dir, before, after, training=before[["row_id", "text", "label", "answers"]])
    assert ids(run_items(run)) == ["r3", "r5"]
    assert ids(run_items(run, "validation")) == ["r0", "r1", "r2"]
    assert training_rows(run)["label"].tolist() == GOLD


def test_a_run_without_predictions_is_explained(runs_dir):
    run = create_run(get_recipe("quick"), runs_dir)
    with pytest.raises(RunStateError, match="nothing to inspect"):
        run_items(run)
