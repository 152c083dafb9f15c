"""The comparison's figures hold the numbers of the tables they are made from."""

import numpy as np
import pytest
from plotly.colors import hex_to_rgb, sample_colorscale

from finsent.charts.comparison import (
    confusion_figure,
    confusion_shares,
    difference_figure,
    dumbbell_figure,
    transition_figure,
)
from finsent.charts.template import LABEL_COLORS
from finsent.labels import FIVE_LABELS, INVALID
from finsent.metrics.classification import compare_predictions
from finsent.metrics.comparison import answers_table, per_class_table, transition_counts
from tests.predictions import made_pair, made_predictions, twelve


@pytest.fixture(scope="module")
def comparison():
    return compare_predictions(*twelve())


def test_every_label_has_a_colour_of_its_own():
    assert set(LABEL_COLORS) == {*FIVE_LABELS, INVALID}
    assert len(set(LABEL_COLORS.values())) == 6


def test_heatmaps_share_one_scale(comparison):
    one, two = (confusion_figure(one, with_invalid=True).data[0] for one in comparison.models.values())
    assert (one.zmin, one.zmax, one.colorscale) == (two.zmin, two.zmax, two.colorscale) == (0, 1, one.colorscale)
    assert one.x == two.x == ("negative", "neutral", "positive", "invalid")


def test_cells_hold_counts_and_row_shares(comparison):
    heat = confusion_figure(comparison.baseline).data[0]
    assert heat.x == heat.y == ("negative", "neutral", "positive")
    assert heat.text[1][2] == "4<br>80%"
    assert np.array(heat.z)[1].tolist() == pytest.approx([0, 0.2, 0.8])


def test_invalid_answers_get_a_column_and_count_in_the_shares(comparison):
    columns, counts, shares = confusion_shares(comparison.tuned)
    assert columns[-1] == INVALID
    assert counts[2].tolist() == [0, 1, 2, 1]
    assert shares[2].tolist() == pytest.approx([0, 0.25, 0.5, 0.25])
    assert shares.sum(axis=1) == pytest.approx([1, 1, 1])


def test_each_cell_can_be_clicked(comparison):
    targets = confusion_figure(comparison.tuned).data[1]
    assert len(targets.customdata) == 12
    place = [tuple(cell) for cell in targets.customdata].index(("neutral", "positive"))
    assert (targets.y[place], targets.x[place]) == ("neutral", "positive")


@pytest.mark.parametrize("classes", [3, 5])
def test_neutral_called_positive_is_outlined(classes):
    figure = confusion_figure(compare_predictions(*twelve(), classes).baseline, dark=True)
    outline = figure.layout.shapes[0]
    labels = list(figure.data[0].x)
    assert (outline.y0, outline.y1) == (labels.index("neutral") - 0.5, labels.index("neutral") + 0.5)
    covered = labels[int(outline.x0 + 0.5) : int(outline.x1 + 0.5)]
    assert covered == (["positive"] if classes == 3 else ["bullish", "positive"])


def test_the_difference_is_tuned_minus_baseline_in_points(comparison):
    heat = difference_figure(comparison).data[0]
    assert list(heat.text[1]) == ["0", "+40", "-40", "0"]
    assert np.array(heat.z)[2].tolist() == pytest.approx([0, 0.25, -0.5, 0.25])
    assert (heat.zmin, heat.zmax) == (-1, 1)


def test_dumbbells_show_both_models_with_their_intervals():
    compared = compare_predictions(*made_pair(200))
    table = per_class_table(compared)
    baseline, tuned = dumbbell_figure(table, "recall").data[-2:]
    for trace, model in ((baseline, "baseline"), (tuned, "tuned")):
        for place, label in enumerate(trace.y):
            figures = compared.models[model].per_class[label]
            assert trace.x[place] == figures.recall
            assert trace.x[place] + trace.error_x.array[place] == pytest.approx(figures.recall_ci[1])
            assert trace.x[place] - trace.error_x.arrayminus[place] == pytest.approx(figures.recall_ci[0])


def test_a_figure_over_no_rows_is_missing_and_each_says_over_how_many_it_is():
    gold = ["neutral"] * 3 + ["positive"]
    compared = compare_predictions(made_predictions(gold, ["positive"] * 4), made_predictions(gold, gold))
    table = per_class_table(compared).set_index(["class", "figure"])
    # The baseline never says neutral, and no row is negative.
    assert np.isnan(table.loc[("neutral", "precision"), "baseline"])
    assert table.loc[("neutral", "precision"), ["baseline n", "tuned n"]].tolist() == [0, 3]
    assert table.loc[("neutral", "recall"), ["baseline", "baseline n"]].tolist() == [0, 3]
    assert table.loc[("positive", "precision"), "baseline n"] == 4
    assert table.loc[("positive", "f1"), "baseline n"] == 4
    assert "negative" not in dumbbell_figure(table.reset_index(), "recall").data[-1].y


def test_the_flow_counts_every_row_once(comparison):
    counts = transition_counts(answers_table(*twelve()), comparison.labels)
    flow = transition_figure(counts).data[0]
    assert sum(flow.link.value) == 12
    assert "neutral (5)" in flow.node.label
    assert "broken (3)" in flow.node.label


def test_a_label_without_rows_has_no_place_in_the_flow():
    baseline, tuned = (table[table["label"] == "neutral"].reset_index(drop=True) for table in twelve())
    flow = transition_figure(
        transition_counts(answers_table(baseline, tuned), ["negative", "neutral", "positive"])
    ).data[0]
    assert flow.node.label == ("neutral (5)", "fixed (3)", "still wrong (1)", "broken (1)")


@pytest.mark.parametrize("dark", [False, True])
def test_every_cell_can_be_read(dark):
    """The ink on each cell has a contrast of 4.5 to 1 at least, as WCAG 2.2 asks of small text."""
    comparison = compare_predictions(*made_pair(400), classes=5)
    for figure in (confusion_figure(comparison.tuned, dark), difference_figure(comparison, dark)):
        heat, inks = figure.data[0], [annotation.font.color for annotation in figure.layout.annotations]
        shares = (np.array(heat.z).reshape(-1) - heat.zmin) / (heat.zmax - heat.zmin)
        cells = sample_colorscale([list(stop) for stop in heat.colorscale], shares.tolist(), colortype="tuple")
        for cell, ink in zip(cells, inks, strict=True):
            first, second = sorted([brightness(cell), brightness(hex_to_share(ink))])
            assert (second + 0.05) / (first + 0.05) >= 4.5


def hex_to_share(color):
    return [part / 255 for part in hex_to_rgb(color)]


def brightness(color):
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color]
    return np.dot([0.2126, 0.7152, 0.0722], linear)
