"""Tables and figures of a data set, against counts made by hand."""

import numpy as np
import pandas as pd
import pytest

from finsent.charts.data import (
    label_figure,
    label_table,
    length_figure,
    source_table,
    split_table,
    stacked_figure,
)
from finsent.charts.template import LABEL_COLORS


@pytest.fixture
def rows():
    return pd.DataFrame(
        [
            ("news", "neutral", "train"),
            ("news", "positive", "train"),
            ("posts", "bullish", "train"),
            ("news", "neutral", "test"),
        ],
        columns=["source", "label", "split"],
    )


def test_labels_stand_from_negative_to_positive_with_their_shares(rows):
    table = label_table(rows)
    assert table.to_dict("list") == {
        "label": ["neutral", "bullish", "positive"],
        "rows": [2, 1, 1],
        "share": [0.5, 0.25, 0.25],
    }


def test_sources_stand_largest_first(rows):
    table = source_table(rows)
    assert table.to_dict("records") == [
        {"source": "news", "neutral": 2, "bullish": 0, "positive": 1, "rows": 3},
        {"source": "posts", "neutral": 0, "bullish": 1, "positive": 0, "rows": 1},
    ]


def test_every_split_has_a_line_even_when_it_is_empty(rows):
    table = split_table(rows)
    assert table["split"].tolist() == ["train", "validation", "test"]
    assert table["rows"].tolist() == [3, 0, 1]
    assert table["share"].tolist() == [0.75, 0, 0.25]


def test_bars_have_their_labels_colour_and_count(rows):
    bar = label_figure(label_table(rows)).data[0]
    assert list(bar.y) == ["positive", "bullish", "neutral"]
    assert list(bar.marker.color) == [LABEL_COLORS[label] for label in bar.y]
    assert list(bar.text) == ["1 · 25%", "1 · 25%", "2 · 50%"]


def test_stacked_bars_add_up_to_one_and_leave_out_what_is_empty(rows):
    figure = stacked_figure(split_table(rows), "split")
    assert [trace.name for trace in figure.data] == ["neutral", "bullish", "positive"]
    assert list(figure.layout.yaxis.ticktext) == ["test  1", "train  3"]
    for place in range(2):
        assert sum(trace.x[place] for trace in figure.data) == pytest.approx(1)


def test_a_name_from_a_file_stays_text_and_short(rows):
    table = source_table(rows.assign(source="<a href='x'>" + "y" * 60))
    name = stacked_figure(table, "source").layout.yaxis.ticktext[0]
    assert "<" not in name
    assert len(name) < 36


def test_sources_with_names_that_are_cut_alike_keep_bars_of_their_own(rows):
    rows["source"] = ["a" * 40 + str(place) for place in range(4)]
    figure = stacked_figure(source_table(rows), "source")
    assert len(set(figure.data[0].y)) == 4


def test_the_limit_stands_on_the_lengths_unless_it_is_far_away():
    lengths = np.array([40, 50, 60])
    assert len(length_figure(lengths, 55).layout.shapes) == 1
    assert len(length_figure(lengths, 512).layout.shapes) == 0
