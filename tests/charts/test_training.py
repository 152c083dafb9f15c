"""Figures of training: they hold the points they are given, keep their height, and stay small."""

import numpy as np
import pandas as pd
import pytest

from finsent.charts.thinning import MAX_POINTS, thin
from finsent.charts.training import loss_figure, overlay_figure, scalar_figure, share_figure


def table(**tags):
    parts = [
        pd.DataFrame(
            {"tag": tag.replace("__", "/"), "step": range(1, len(values) + 1), "wall_time": 0.0, "value": values}
        )
        for tag, values in tags.items()
    ]
    return pd.concat(parts, ignore_index=True)


def test_the_loss_figure_plots_both_losses_to_the_last_step():
    figure = loss_figure(table(train__loss=[3.0, 2.0, 1.0], eval__loss=[2.5]), last_step=60)
    train, validation = figure.data
    assert (list(train.x), list(train.y)) == ([1, 2, 3], [3.0, 2.0, 1.0])
    assert list(validation.y) == [2.5]
    assert train.line.dash != validation.line.dash
    low, high = figure.layout.xaxis.range
    assert low < 0 < 60 < high < 63


def test_heights_do_not_depend_on_the_points():
    empty, full = table(train__loss=[]), table(train__loss=list(range(1, 500)))
    assert loss_figure(empty, 1).layout.height == loss_figure(full, 500).layout.height
    assert scalar_figure(empty, "train/loss", 1).layout.height == scalar_figure(full, "train/loss", 500).layout.height


def test_a_share_has_its_interval_as_bars():
    points = pd.DataFrame({"step": [0, 5], "value": [1.0, 0.25], "low": [0.9, 0.1], "high": [1.0, 0.5]})
    bars = share_figure(points, 10).data[0].error_y
    assert list(bars.array) == pytest.approx([0.0, 0.25])
    assert list(bars.arrayminus) == pytest.approx([0.1, 0.15])


def test_runs_laid_over_one_another_differ_in_colour_and_dash_and_their_names_are_text():
    runs = {"one": table(train__loss=[1.0]), "<b>two</b>": table(train__loss=[2.0])}
    one, two = overlay_figure(runs, "train/loss").data
    assert one.line.color != two.line.color and one.line.dash != two.line.dash
    assert two.name == "&lt;b&gt;two&lt;/b&gt;"


def test_thinning_keeps_the_ends_and_the_peaks():
    values = np.sin(np.arange(100_000) / 1000)
    values[54_321] = 9.0
    points = pd.DataFrame({"step": range(100_000), "value": values})
    kept = thin(points)
    assert len(kept) <= MAX_POINTS
    assert 54_321 in kept["step"].tolist()
    assert kept["step"].iloc[-1] == 99_999
    assert kept["value"].min() == values.min()
    assert kept["step"].is_monotonic_increasing


def test_few_points_are_all_kept_and_what_is_no_number_is_left_out():
    points = pd.DataFrame({"step": [1, 2, 3], "value": [1.0, float("nan"), 2.0]})
    assert thin(points)["step"].tolist() == [1, 3]
