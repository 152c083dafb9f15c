"""Figures of the proportion part: what is drawn is what the tables say."""

import pytest

from finsent.charts.calibration import (
    pieces_figure,
    pieces_table,
    reliability_figure,
    scale_figure,
    scale_table,
    threshold_figure,
)
from finsent.charts.thinning import thin
from finsent.evaluation.in_proportion import full_evaluation
from finsent.metrics.calibration import prior_account, reliability_table
from finsent.metrics.thresholds import threshold_curve
from finsent.runs.taught import taught_by
from tests.evaluation.test_in_proportion import TRAINING
from tests.metrics.test_calibration import splits_of
from tests.predictions import as_trained, made_pair


@pytest.fixture(scope="module")
def pairs():
    return splits_of(*made_pair(500, seed=9, validation=150))


def test_the_pieces_stand_end_to_end(pairs):
    pieces = prior_account(*pairs).pieces.accuracy
    table = pieces_table(pieces)
    assert table["to"].iloc[-1] == pytest.approx((pairs[0][1]["label"] == pairs[0][1]["predicted"]).mean())
    assert table["to"].tolist()[:2] == pytest.approx(table["from"].tolist()[1:])
    figure = pieces_figure(table)
    bars = figure.data
    assert [bar.base[0] + bar.x[0] for bar in bars] == pytest.approx(table["to"].tolist())
    assert figure.layout.annotations[1].text == f"{100 * pieces.prior.value:+.1f} points"


def test_references_and_models_stand_on_one_scale(pairs):
    evaluation = full_evaluation(*pairs, taught_by(as_trained(TRAINING)))
    table = scale_table(evaluation.models, evaluation.reference, "macro_f1")
    assert table["value"].is_monotonic_increasing
    assert set(table["model"]) == {"baseline", "fine-tuned", "most frequent label", "tf-idf + logistic regression"}
    drawn = {trace.y[0]: trace.x[0] for trace in scale_figure(table).data}
    assert drawn == dict(zip(table["model"], table["value"], strict=True))
    assert drawn["fine-tuned"] == evaluation.tuned.macro_f1


def test_reliability_draws_both_models_and_the_ideal(pairs):
    tables = [reliability_table(table) for table in pairs[0]]
    ideal, before, after = reliability_figure(*tables).data
    assert (list(ideal.x), list(ideal.y)) == ([0, 1], [0, 1])
    assert list(before.y) == tables[0]["accuracy"].tolist()
    assert list(after.x) == tables[1]["confidence"].tolist()


def test_thresholds_are_thinned_and_the_choice_is_marked(pairs):
    curves = [threshold_curve(table) for table in pairs[0]]
    figure = threshold_figure(*curves, (0.05, 0.6))
    assert [trace.name for trace in figure.data] == ["baseline", "fine-tuned", "with the threshold"]
    assert (figure.data[-1].x[0], figure.data[-1].y[0]) == (0.05, 0.6)
    few = thin(curves[0], "positive recall", limit=10)
    assert len(few) <= 22
    assert few.iloc[[0, -1]].equals(curves[0].iloc[[0, -1]])
    assert thin(curves[0].head(0), "positive recall").empty
