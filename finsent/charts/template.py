"""What all figures have in common: their colours, their layout, points with intervals, and names that stay text.

Backgrounds are transparent and writing takes the app's theme. Streamlit replaces most of a Plotly template by its own
theme, so what is common here is laid into each figure's layout, which Streamlit leaves alone.
"""

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from plotly.colors import hex_to_rgb

from finsent.labels import BEARISH, BULLISH, INVALID, NEGATIVE, NEUTRAL, POSITIVE
from finsent.runs.names import shortened

#: One colour per label everywhere; told apart with any colour vision, and never without the label's name.
LABEL_COLORS: dict[str, str] = {
    NEGATIVE: "#d9622b",
    BEARISH: "#e0a03c",
    NEUTRAL: "#7d8896",
    BULLISH: "#5fb0de",
    POSITIVE: "#2f74b5",
    INVALID: "#a76fae",
}
BASELINE_COLOR = "#8a94a0"
TUNED_COLOR = "#17998c"
#: A second thing beside what a fine-tuned model did; no label and no model has this colour.
ACCENT_COLOR = "#c4507e"
CLEAR = "rgba(0,0,0,0)"
#: Column of a table, name, colour, symbol and dash of both models.
MODEL_LOOKS = (
    ("baseline", "baseline", BASELINE_COLOR, "circle-open", "dot"),
    ("tuned", "fine-tuned", TUNED_COLOR, "circle", "solid"),
)
#: An axis of shares, with room for the markers at its ends.
SHARE_AXIS: dict[str, Any] = {"range": [-0.02, 1.02], "tickformat": ".0%", "showgrid": True}
#: Bars of shares that add up to the whole; writing that does not fit its piece is left out rather than shrunk.
STACKED_SHARES: dict[str, Any] = {
    "barmode": "stack",
    "uniformtext": {"minsize": 10, "mode": "hide"},
    "xaxis": {"range": [0, 1], "visible": False},
}
_LAYOUT: dict[str, Any] = {
    "paper_bgcolor": CLEAR,
    "plot_bgcolor": CLEAR,
    "margin": {"l": 0, "r": 8, "t": 8, "b": 0},
    "dragmode": False,
    "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "traceorder": "normal"},
    "xaxis": {"fixedrange": True, "zeroline": False},
    "yaxis": {"fixedrange": True, "zeroline": False},
}
_LONGEST_NAME = 26


def layout(height: int, **own: Any) -> dict[str, Any]:
    """Return the layout of a figure so many pixels high: the common one, with the figure's own laid over each part."""
    whole = _LAYOUT | {"height": height}
    for name, value in own.items():
        common = whole.get(name)
        whole[name] = common | value if isinstance(common, dict) and isinstance(value, dict) else value
    return whole


def styled(figure: go.Figure, height: int, **own: Any) -> go.Figure:
    """Give a figure its :func:`layout` and return it."""
    return figure.update_layout(layout(height, **own))


def whiskers(values: ArrayLike, low: ArrayLike, high: ArrayLike, color: str) -> dict[str, Any]:
    """Return Plotly's error bars for values with the ends of their intervals (all in the values' unit)."""
    ends = {"array": np.subtract(high, values), "arrayminus": np.subtract(values, low)}
    return {"type": "data", "symmetric": False, "color": color, "thickness": 1.5, "width": 5} | ends


def marker(color: str, symbol: str) -> dict[str, Any]:
    """Return the mark of a model's figure; an open one is as heavy as a filled one."""
    return {"color": color, "symbol": symbol, "size": 11, "line": {"width": 2.5, "color": color}}


def add_label_bars(
    figure: go.Figure, label: str, shares: Sequence[float], places: Sequence[Any], text: Sequence[str], **more: Any
) -> None:
    """Add one label's pieces of stacked horizontal bars, in the label's colour, with writing that reads on it."""
    figure.add_bar(
        x=shares,
        y=places,
        orientation="h",
        name=label,
        marker_color=LABEL_COLORS[label],
        text=text,
        textposition="inside",
        insidetextanchor="middle",
        insidetextfont_color=ink_on([part / 255 for part in hex_to_rgb(LABEL_COLORS[label])]),
        textangle=0,
        **more,
    )


def ink_on(color: Sequence[float]) -> str:
    """Return black or white, whichever reads better on an sRGB colour (0 to 1 each)."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color]
    # The relative luminance of WCAG 2.2, at which both inks have the same contrast.
    return "#000000" if 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.179 else "#ffffff"


def marked(label: str) -> str:
    """Return a label for an axis, with a square of its colour before it."""
    return f'<span style="color:{LABEL_COLORS[label]}">■</span> {label}'


def plain(name: str) -> str:
    """Return a name that somebody gave as Plotly writes it letter by letter; it reads a few HTML tags in names."""
    return html.escape(name, quote=False)


def short(name: str, most: int = _LONGEST_NAME) -> str:
    """Return a :func:`plain` name, cut where it is longer than ``most``; one that is empty says so."""
    return plain(shortened(name or "(none)", most))
