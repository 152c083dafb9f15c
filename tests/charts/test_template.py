"""What all figures have in common."""

import numpy as np
import plotly.graph_objects as go
import pytest

from finsent.charts.template import LABEL_COLORS, add_label_bars, layout, plain, short, styled, whiskers


def test_a_figures_own_layout_is_laid_over_the_common_one_and_leaves_it_as_it_was():
    own = layout(200, xaxis={"title": "x", "fixedrange": False}, dragmode="zoom")
    assert own["xaxis"] == {"title": "x", "fixedrange": False, "zeroline": False}
    assert (own["height"], own["dragmode"]) == (200, "zoom")
    figure = styled(go.Figure(), 100)
    assert figure.layout.xaxis.fixedrange and figure.layout.yaxis.fixedrange
    assert figure.layout.dragmode is False
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"


def test_whiskers_reach_to_the_ends_of_the_interval():
    bars = whiskers([0.5, 0.0], [0.2, 0.0], [0.9, 0.3], "#000000")
    assert np.allclose(bars["array"], [0.4, 0.3])
    assert np.allclose(bars["arrayminus"], [0.3, 0.0])


def test_names_are_written_letter_by_letter_and_cut_before_they_are_made_safe():
    assert plain("<b>R&D</b> “x” 'y'") == "&lt;b&gt;R&amp;D&lt;/b&gt; “x” 'y'"
    assert short("&" * 60).endswith("&amp;…")
    assert short("x" * 60, 10) == "x" * 9 + "…"
    assert short("") == "(none)"


@pytest.mark.parametrize("label", LABEL_COLORS)
def test_writing_on_a_labels_bar_can_be_read(label):
    figure = go.Figure()
    add_label_bars(figure, label, [1.0], ["model"], ["100%"])
    color, ink = figure.data[0].marker.color, figure.data[0].insidetextfont.color
    first, second = sorted(brightness(one) for one in (color, ink))
    assert (second + 0.05) / (first + 0.05) >= 4.5


def brightness(color: str) -> float:
    shares = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in shares]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))
