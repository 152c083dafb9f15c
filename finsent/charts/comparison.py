"""Figures of the comparison: confusion heatmaps, per-class dumbbells and the flow of answers, from plain tables.

Pure functions. Only a heatmap's cells need to know whether they stand on a dark page.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from finsent.charts.template import (
    CLEAR,
    LABEL_COLORS,
    MODEL_LOOKS,
    SHARE_AXIS,
    ink_on,
    layout,
    marked,
    marker,
    styled,
    whiskers,
)
from finsent.labels import BULLISH, INVALID, NEUTRAL, POSITIVE
from finsent.metrics.figures import Comparison, Figures

#: Good news greenish, bad news brownish, and the two that stayed paler.
TRANSITION_COLORS: dict[str, str] = {
    "fixed": "#17998c",
    "still right": "#8fb8b2",
    "still wrong": "#b8a58a",
    "broken": "#a05a13",
}

_SHARES = {
    False: [[0, "#eef3f2"], [0.5, "#7fb9b2"], [1, "#0b5f58"]],
    True: [[0, "#1d282b"], [0.5, "#1c6f68"], [1, "#5fd9ca"]],
}
_CHANGES = {
    False: [[0, "#8c510a"], [0.5, "#f3f4f2"], [1, "#01665e"]],
    True: [[0, "#d08a3c"], [0.5, "#1d2629"], [1, "#35b3a4"]],
}
_OUTLINE = {False: "#c2185b", True: "#ff7ba9"}


def confusion_figure(figures: Figures, dark: bool = False, with_invalid: bool | None = None) -> go.Figure:
    """Return a confusion heatmap of one model: gold labels in rows, answers in columns.

    The colour is the share of the row on a scale fixed at 0 to 100 %, so that two models can be set side by side; each
    cell holds its count and that share. ``with_invalid`` adds the column of invalid answers (by default when there
    are any). The cell of neutral texts called positive is outlined.
    """
    columns, counts, shares = confusion_shares(figures, with_invalid)
    text = [
        [f"{count:,}<br>{share:.0%}" for count, share in zip(*pair, strict=True)]
        for pair in zip(counts, shares, strict=True)
    ]
    return _heatmap(figures.labels, columns, shares, text, _SHARES[dark], (0, 1), dark)


def difference_figure(comparison: Comparison, dark: bool = False, with_invalid: bool | None = None) -> go.Figure:
    """Return a heatmap of how many points more (or less) of each gold label's rows get each answer after tuning."""
    if with_invalid is None:
        with_invalid = any(figures.invalid for figures in comparison.models.values())
    columns, _, before = confusion_shares(comparison.baseline, with_invalid)
    _, _, after = confusion_shares(comparison.tuned, with_invalid)
    change = after - before
    text = [[f"{100 * value:+.0f}" if abs(value) >= 0.005 else "0" for value in row] for row in change]
    return _heatmap(comparison.labels, columns, change, text, _CHANGES[dark], (-1, 1), dark)


def confusion_shares(figures: Figures, with_invalid: bool | None = None) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the answers in the columns of a confusion matrix, its counts, and each cell's share of its row."""
    counts, columns = np.array(figures.confusion, dtype=int), list(figures.labels)
    if figures.invalid > 0 if with_invalid is None else with_invalid:
        counts = np.column_stack([counts, figures.confusion_invalid])
        columns.append(INVALID)
    totals = np.array(figures.confusion).sum(axis=1) + np.array(figures.confusion_invalid)
    return columns, counts, counts / np.maximum(totals, 1)[:, None]


def _heatmap(
    rows: Sequence[str],
    columns: Sequence[str],
    values: np.ndarray,
    text: list[list[str]],
    scale: list[list[Any]],
    limits: tuple[float, float],
    dark: bool,
) -> go.Figure:
    """Return a heatmap with its cells' texts; its parts are given at once, since each added one checks the others."""
    cells = go.Heatmap(
        z=values,
        x=list(columns),
        y=list(rows),
        text=text,
        colorscale=scale,
        zmin=limits[0],
        zmax=limits[1],
        showscale=False,
        xgap=2,
        ygap=2,
        hovertemplate="gold %{y}, called %{x}: %{text}<extra></extra>",
    )
    own = {
        "margin": {"r": 0},
        "xaxis": _labels_axis(columns) | {"side": "top", "title": "model says"},
        "yaxis": _labels_axis(rows) | {"autorange": "reversed", "title": "gold label"},
        "annotations": _cell_texts(values, text, scale, limits),
        "shapes": [_studied_cell(rows, columns, _OUTLINE[dark])],
    }
    return go.Figure([cells, _targets(rows, columns)], layout(110 + 62 * len(rows), **own))


def _labels_axis(labels: Sequence[str]) -> dict[str, Any]:
    return {"tickvals": list(labels), "ticktext": [marked(label) for label in labels], "showgrid": False}


def _cell_texts(
    values: np.ndarray, text: list[list[str]], scale: list[list[Any]], limits: tuple[float, float]
) -> list[dict[str, Any]]:
    """Return each cell's text in the darker or the lighter ink, whichever its colour leaves more readable."""
    places = (np.clip(values, *limits) - limits[0]) / (limits[1] - limits[0])
    inks = map(ink_on, sample_colorscale(scale, places.reshape(-1).tolist(), colortype="tuple"))
    return [
        {"x": column, "y": row, "text": text[row][column], "showarrow": False, "font": {"color": ink, "size": 12}}
        for (row, column), ink in zip(np.ndindex(values.shape), inks, strict=True)
    ]


def _targets(rows: Sequence[str], columns: Sequence[str]) -> go.Scatter:
    """Return an unseen marker over each cell, since heatmaps report no clicks; its customdata is (gold, answer)."""
    cells = [(gold, answer) for gold in rows for answer in columns]
    return go.Scatter(
        x=[answer for _, answer in cells],
        y=[gold for gold, _ in cells],
        customdata=cells,
        mode="markers",
        marker={"symbol": "square", "size": 44, "opacity": 0},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        hovertemplate="gold %{y}, called %{x}<extra></extra>",
        showlegend=False,
    )


def _studied_cell(rows: Sequence[str], columns: Sequence[str], color: str) -> dict[str, Any]:
    """Return the outline of neutral texts called positive (or bullish, its neighbour in the five-label view)."""
    places = [place for place, label in enumerate(columns) if label in (BULLISH, POSITIVE)]
    row = list(rows).index(NEUTRAL)
    return {
        "type": "rect",
        "x0": places[0] - 0.5,
        "x1": places[-1] + 0.5,
        "y0": row - 0.5,
        "y1": row + 0.5,
        "line": {"color": color, "width": 3},
        "fillcolor": CLEAR,
    }


def dumbbell_figure(table: pd.DataFrame, figure_name: str) -> go.Figure:
    """Return one figure of each class before and after, joined by a line, with 95 % intervals as thin bars.

    ``table`` is :func:`finsent.metrics.comparison.per_class_table`; ``figure_name`` is precision, recall or f1. A class
    for which neither model has the figure is left out.
    """
    rows = table[table["figure"] == figure_name].dropna(subset=["baseline", "tuned"], how="all")
    figure = go.Figure()
    for _, row in rows.iterrows():
        figure.add_scatter(
            x=[row["baseline"], row["tuned"]],
            y=[row["class"], row["class"]],
            mode="lines",
            line={"color": "rgba(138,148,160,0.55)", "width": 5},
            hoverinfo="skip",
            showlegend=False,
        )
    for column, name, color, symbol, _ in MODEL_LOOKS:
        figure.add_scatter(
            x=rows[column],
            y=rows["class"],
            name=name,
            mode="markers",
            marker=marker(color, symbol),
            error_x=whiskers(rows[column], rows[f"{column} low"], rows[f"{column} high"], color),
            hovertemplate="%{y}: %{x:.1%}",
        )
    labels = rows["class"].tolist()
    classes = _labels_axis(labels) | {"categoryorder": "array", "categoryarray": labels[::-1]}
    return styled(figure, 90 + 52 * len(labels), margin={"r": 12}, xaxis=SHARE_AXIS, yaxis=classes)


def transition_figure(counts: pd.DataFrame, dark: bool = False) -> go.Figure:
    """Return the flow from gold labels to what became of their rows, as a Sankey diagram.

    ``counts`` is :func:`finsent.metrics.comparison.transition_counts`.
    """
    golds = counts.loc[counts["n"] > 0, "gold"].tolist()
    ends = [name for name in TRANSITION_COLORS if counts[name].sum() > 0]
    flows = [
        (golds.index(row["gold"]), len(golds) + ends.index(end), int(row[end]), LABEL_COLORS[row["gold"]])
        for _, row in counts[counts["n"] > 0].iterrows()
        for end in ends
        if row[end]
    ]
    totals = counts.set_index("gold")["n"]
    names = [f"{gold} ({totals[gold]:,})" for gold in golds] + [f"{end} ({counts[end].sum():,})" for end in ends]
    figure = go.Figure(
        go.Sankey(
            textfont={"color": "#e3e8e6" if dark else "#1c2321", "size": 13, "shadow": "none"},
            node={
                "label": names,
                "color": [LABEL_COLORS[gold] for gold in golds] + [TRANSITION_COLORS[end] for end in ends],
                "pad": 18,
                "thickness": 14,
                "line": {"width": 0},
                "hovertemplate": "%{label}<extra></extra>",
            },
            link={
                "source": [flow[0] for flow in flows],
                "target": [flow[1] for flow in flows],
                "value": [flow[2] for flow in flows],
                "color": [_faded(flow[3]) for flow in flows],
                "hovertemplate": "%{source.label} to %{target.label}: %{value} rows<extra></extra>",
            },
        )
    )
    return styled(figure, 330, margin={"r": 0, "b": 16})


def _faded(color: str) -> str:
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.35)"
