"""Figures of the Neutral news page: pure functions from tables to plotly figures."""

import pandas as pd
import plotly.graph_objects as go

from finsent.charts.template import MODEL_LOOKS, SHARE_AXIS, marker, short, styled, whiskers


def group_figure(table: pd.DataFrame) -> go.Figure:
    """Return the error rates of ``neutral_errors.group_errors`` as points with intervals, one row a group."""
    by = table.columns[0]
    names = [f"{short(name.replace('_', ' '))} (n = {n})" for name, n in zip(table[by], table["n"], strict=True)]
    places = list(range(len(names)))
    figure = go.Figure()
    for (model, title, color, symbol, _), shift in zip(MODEL_LOOKS, (-0.14, 0.14), strict=True):
        share, low, high = (table[f"{model} {end}"] for end in ("share", "low", "high"))
        figure.add_scatter(
            x=share,
            y=[place + shift for place in places],
            mode="markers",
            cliponaxis=False,
            name=title,
            marker=marker(color, symbol) | {"size": 8},
            error_x=whiskers(share, low, high, color) | {"width": 0},
            customdata=table[[f"{model} wrong", "n", f"{model} low", f"{model} high"]],
            text=names,
            hovertemplate="%{text}: %{customdata[0]} wrong, %{x:.0%} (%{customdata[2]:.0%} to %{customdata[3]:.0%})"
            f"<extra>{title}</extra>",
        )
    groups = {"tickvals": places, "ticktext": names, "range": [len(names) - 0.5, -0.5], "showgrid": False}
    return styled(figure, 90 + 30 * len(names), xaxis=SHARE_AXIS | {"title": "share wrong"}, yaxis=groups)
