"""Figures of the Neutral news page hold what their tables hold."""

import re

import pytest

from finsent.charts.neutral import group_figure
from finsent.charts.probabilities import probability_figure
from finsent.charts.template import LABEL_COLORS
from finsent.evaluation.neutral_errors import group_errors, neutral_items
from tests.predictions import made_predictions


def test_every_group_has_both_models_with_their_intervals_and_n():
    gold = ["neutral"] * 4
    items = neutral_items(
        made_predictions(gold, ["positive"] * 4), made_predictions(gold, ["positive", "neutral", "neutral", "neutral"])
    ).assign(topic=["product_launch", "product_launch", "product_launch", "legal"])
    table = group_errors(items)
    figure = group_figure(table)
    assert list(figure.layout.yaxis.ticktext) == ["product launch (n = 3)", "legal (n = 1)"]
    baseline, tuned = figure.data
    assert (baseline.name, list(baseline.x)) == ("baseline", [1.0, 1.0])
    assert list(tuned.x) == pytest.approx([1 / 3, 0])
    ends = [x + reach for x, reach in zip(tuned.x, tuned.error_x.array, strict=True)]
    assert ends == pytest.approx(table["tuned high"].tolist())
    assert baseline.marker.symbol != tuned.marker.symbol


def test_names_from_a_file_stay_text_and_short():
    tables = made_predictions(["neutral"] * 3, ["positive"] * 3), made_predictions(["neutral"] * 3, ["neutral"] * 3)
    names = ["<a href='https://x.example'>Reuters</a>"] * 2 + ["a_very_long_name_" * 5]
    first, second = group_figure(group_errors(neutral_items(*tables).assign(topic=names))).layout.yaxis.ticktext
    assert "<" not in first and ">" not in first
    assert len(second) < 45


def test_probabilities_are_stacked_in_the_labels_colours():
    figure = probability_figure(
        {
            "baseline": {"negative": 0.1, "neutral": 0.2, "positive": 0.7},
            "fine-tuned": dict.fromkeys(LABEL_COLORS, 0.25),
        }
    )
    assert [bar.name for bar in figure.data] == ["negative", "neutral", "positive"]
    assert [bar.marker.color for bar in figure.data] == [LABEL_COLORS[bar.name] for bar in figure.data]
    assert list(figure.data[2].y) == ["fine-tuned", "baseline"]
    assert list(figure.data[2].x) == [0.25, 0.7]


def test_the_smallest_piece_has_its_label_too():
    (above,) = probability_figure(
        {"baseline": {"negative": 0.001, "neutral": 0.029, "positive": 0.97}}
    ).layout.annotations
    assert re.sub("<[^>]+>", "", above.text.replace("<1", "under 1")).split("   ") == [
        *["■ negative under 1 %", "■ neutral 3 %", "■ positive 97 %"]
    ]
