"""Transitions and the rows behind a cell, on twelve rows counted by hand."""

import pytest

from finsent.errors import RunStateError
from finsent.labels import FIVE_LABELS, THREE_LABELS
from finsent.metrics.classification import compare_predictions
from finsent.metrics.comparison import (
    answers_table,
    cell_rows,
    per_class_table,
    transition_counts,
    transition_rows,
)
from finsent.recipe import get_recipe
from finsent.runs.evaluated_sets import judged_pair
from finsent.runs.store import create_run
from tests.predictions import made_pair, made_run, twelve


@pytest.fixture(scope="module")
def answers():
    return answers_table(*twelve())


def test_what_became_of_twelve_rows(answers):
    counts = transition_counts(answers, list(THREE_LABELS)).set_index("gold")
    assert counts.columns.tolist() == ["fixed", "still right", "still wrong", "broken", "n"]
    assert counts.loc["negative"].tolist() == [2, 1, 0, 0, 3]
    assert counts.loc["neutral"].tolist() == [3, 0, 1, 1, 5]
    assert counts.loc["positive"].tolist() == [0, 2, 0, 2, 4]
    assert transition_rows(answers, "broken")["row_id"].tolist() == ["r6", "r9", "r10"]
    assert transition_rows(answers, "broken", "neutral")["row_id"].tolist() == ["r6"]


def test_transitions_over_five_labels():
    counts = transition_counts(answers_table(*twelve(), classes=5), list(FIVE_LABELS)).set_index("gold")
    assert counts.loc["bearish"].tolist() == [1, 0, 0, 0, 1]
    assert counts.loc["bullish"].tolist() == [0, 1, 0, 0, 1]


def test_the_rows_behind_a_cell(answers):
    assert set(cell_rows(answers, "baseline", "neutral", "positive")["row_id"]) == {"r3", "r4", "r5", "r7"}
    assert set(cell_rows(answers, "tuned", "neutral", "positive")["row_id"]) == {"r6", "r7"}
    assert cell_rows(answers, "tuned", "positive", "invalid")["row_id"].tolist() == ["r10"]
    assert cell_rows(answers, "tuned", "negative", "positive").empty


def test_rows_behind_a_cell_begin_with_the_surest():
    table, _ = made_pair(200)
    rows = cell_rows(answers_table(table, table), "baseline", "neutral", "positive")
    assert len(rows) > 5
    assert rows["baseline confidence"].is_monotonic_decreasing


def test_the_table_of_classes_has_intervals_of_both_models():
    comparison = compare_predictions(*made_pair(300))
    table = per_class_table(comparison).set_index(["class", "figure"])
    assert len(table) == 9
    row = table.loc[("neutral", "recall")]
    assert row["tuned n"] == row["baseline n"] == comparison.tuned.neutral_n
    assert row["tuned"] == comparison.tuned.per_class["neutral"].recall
    assert row["baseline low"] < row["baseline"] < row["baseline high"]


def test_predictions_of_a_run_are_its_test_rows(runs_dir):
    run = made_run(runs_dir, *made_pair(40, validation=10))
    baseline, tuned = judged_pair(run)
    assert len(baseline) == len(tuned) == 30
    assert set(baseline["split"]) == {"test"}
    with pytest.raises(RunStateError, match="queued"):
        judged_pair(create_run(get_recipe("quick"), runs_dir))
