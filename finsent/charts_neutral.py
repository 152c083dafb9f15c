"""Figures of the Neutral news page: pure functions from tables to plotly figures."""

import pandas as pd
import plotly.graph_objects as go

from finsent.charts import BASELINE_COLOR, LABEL_COLORS, TUNED_COLOR
from finsent.charts_data import plain_name
from finsent.labels import BEARISH, BULLISH

_LOOKS = (("baseline", "baseline", BASELINE_COLOR, "diamond"), ("tuned", "fine-tuned", TUNED_COLOR, "circle"))
_CLEAR = "rgba(0,0,0,0)"
#: Labels whose colour is too light for white text.
_LIGHT = (BEARISH, BULLISH)


def group_figure(table: pd.DataFrame) -> go.Figure:
    """Return the error rates of :func:`finsent.inspection.group_errors` as points with intervals, one row a group."""
    by = table.columns[0]
    names = [f"{_readable(name)} (n = {n})" for name, n in zip(table[by], table["n"], strict=True)]
    places = list(range(len(names)))
    figure = go.Figure()
    for (model, title, color, symbol), shift in zip(_LOOKS, (-0.14, 0.14), strict=True):
        share = table[f"{model} share"]
        figure.add_scatter(
            x=share,
            y=[place + shift for place in places],
            mode="markers",
            cliponaxis=False,
            name=title,
            marker={"color": color, "symbol": symbol, "size": 9},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": table[f"{model} high"] - share,
                "arrayminus": share - table[f"{model} low"],
                "color": color,
                "thickness": 1.5,
                "width": 0,
            },
            customdata=table[[f"{model} wrong", "n", f"{model} low", f"{model} high"]],
            text=names,
            hovertemplate="%{text}: %{customdata[0]} wrong, %{x:.0%} (%{customdata[2]:.0%} to %{customdata[3]:.0%})"
            f"<extra>{title}</extra>",
        )
    figure.update_layout(
        height=90 + 30 * len(names),
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        dragmode=False,
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom"},
    )
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%", fixedrange=True, title="share wrong")
    figure.update_yaxes(
        tickvals=places, ticktext=names, range=[len(names) - 0.5, -0.5], fixedrange=True, showgrid=False, zeroline=False
    )
    return figure


def probability_figure(baseline: dict[str, float], tuned: dict[str, float]) -> go.Figure:
    """Return both models' probabilities of each label (within the answer set) as one stacked bar a model."""
    figure = go.Figure()
    for label in baseline:
        shares = [tuned[label], baseline[label]]
        figure.add_bar(
            x=shares,
            y=["fine-tuned", "baseline"],
            orientation="h",
            name=label,
            marker_color=LABEL_COLORS[label],
            text=[f"{label} {share:.0%}" if share >= 0.4 else f"{share:.0%}" for share in shares],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            textfont_color="#1c2321" if label in _LIGHT else "white",
            hovertemplate=f"{label}: %{{x:.1%}}<extra>%{{y}}</extra>",
        )
    figure.update_layout(
        barmode="stack",
        height=140,
        uniformtext={"minsize": 11, "mode": "hide"},
        margin={"l": 0, "r": 0, "t": 4, "b": 0},
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        legend={"orientation": "h", "y": -0.15, "traceorder": "normal"},
        xaxis={"range": [0, 1], "visible": False, "fixedrange": True},
        yaxis={"fixedrange": True},
    )
    return figure


def _readable(name: str) -> str:
    return plain_name(name.replace("_", " "))
