"""The figure of the map of texts: each point is its row, and what has no colour of its own is counted."""

import pandas as pd
import pytest

from finsent.charts.comparison import TRANSITION_COLORS
from finsent.charts.template import LABEL_COLORS
from finsent.charts.text_map import COLOURED_BY, map_figure


def table(**columns):
    count = len(next(iter(columns.values())))
    places = {"x": range(count), "y": range(count), "row_id": [f"r{place}" for place in range(count)]}
    return pd.DataFrame(places | {"text": ["text"] * count} | columns)


def test_every_point_of_the_map_is_its_row_and_texts_are_plain():
    figure = map_figure(table(label=["neutral", "positive", "neutral"], text=["<b>one</b>", "two", "three"]), "label")
    assert [trace.type for trace in figure.data] == ["scattergl"] * 2
    assert [list(trace.customdata) for trace in figure.data] == [["r0", "r2"], ["r1"]]
    assert figure.data[0].text[0] == "&lt;b&gt;one&lt;/b&gt;"
    assert len({trace.marker.symbol for trace in figure.data}) == 2


@pytest.mark.parametrize("by", ["label", "baseline", "tuned"])
def test_a_label_has_the_colour_that_it_has_everywhere(by):
    figure = map_figure(table(**{by: ["bullish", "negative"]}), by)
    assert [trace.marker.color for trace in figure.data] == [LABEL_COLORS["negative"], LABEL_COLORS["bullish"]]
    # Whatever other labels there are, a label has its mark.
    alone = map_figure(table(**{by: ["bullish"]}), by)
    assert alone.data[0].marker.symbol == figure.data[1].marker.symbol


def test_rows_without_a_prediction_are_grey_below_the_others_and_counted():
    figure = map_figure(table(transition=["fixed", "", "broken", ""]), "transition")
    assert [trace.name for trace in figure.data] == ["no prediction  2", "fixed  1", "broken  1"]
    assert [trace.marker.color for trace in figure.data[1:]] == [
        TRANSITION_COLORS["fixed"],
        TRANSITION_COLORS["broken"],
    ]
    assert figure.data[0].marker.color not in {*LABEL_COLORS.values(), *TRANSITION_COLORS.values()}
    assert len({trace.marker.symbol for trace in figure.data}) == 3


def test_the_largest_sources_have_colours_and_the_others_are_counted_together():
    names = [name for count, name in enumerate("abcdefgh", start=1) for _ in range(count)]
    figure = map_figure(table(source=names), "source")
    assert [trace.name for trace in figure.data] == [
        "2 others  3",
        *(f"{name}  {n}" for n, name in enumerate("cdefgh", 3)),
    ]
    assert len({trace.marker.color for trace in figure.data}) == 7


def test_a_source_without_a_name_is_no_missing_prediction():
    assert [trace.name for trace in map_figure(table(source=["", "a"]), "source").data] == ["(none)  1", "a  1"]


def test_splits_stand_in_their_order():
    figure = map_figure(table(split=["test", "train", "validation"]), "split")
    assert [trace.name for trace in figure.data] == ["train  1", "validation  1", "test  1"]
    assert set(COLOURED_BY) == {"label", "source", "split", "baseline", "tuned", "transition"}
