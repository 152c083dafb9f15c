"""Figures of the comparison: confusion heatmaps, per-class dumbbells and the flow of answers, from plain tables.

Pure functions. Backgrounds are transparent and the text takes the app's theme; only a heatmap's cells need to know
whether they stand on a dark page.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from finsent.labels import BEARISH, BULLISH, INVALID, NEGATIVE, NEUTRAL, POSITIVE

#: One colour per label everywhere; told apart with any colour vision, and never without the label's name.
LABEL_COLORS: dict[str, str] = {
    NEGATIVE: "#d9622b",
    BEARISH: "#e0a03c",
    NEUTRAL: "#7d8896",
    BULLISH: "#5fb0de",
    POSITIVE: "#2f74b5",
    INVALID: "#a76fae",
}

#: Good news greenish, bad news brownish, and the two that stayed paler.
TRANSITION_COLORS: dict[str, str] = {
    "fixed": "#17998c",
    "still right": "#8fb8b2",
    "still wrong": "#b8a58a",
    "broken": "#a05a13",
}
BASELINE_COLOR = "#8a94a0"
TUNED_COLOR = "#17998c"

_SHARES = {
    False: [[0, "#eef3f2"], [0.5, "#7fb9b2"], [1, "#0b5f58"]],
    True: [[0, "#1d282b"], [0.5, "#1c6f68"], [1, "#5fd9ca"]],
}
_CHANGES = {
    False: [[0, "#8c510a"], [0.5, "#f3f4f2"], [1, "#01665e"]],
    True: [[0, "#d08a3c"], [0.5, "#1d2629"], [1, "#35b3a4"]],
}
_OUTLINE = {False: "#c2185b", True: "#ff7ba9"}
_CLEAR = "rgba(0,0,0,0)"


def confusion_figure(figures: dict[str, Any], dark: bool = False, with_invalid: bool | None = None) -> go.Figure:
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
    return _heatmap(figures["labels"], columns, shares, text, _SHARES[dark], (0, 1), dark)


def difference_figure(comparison: dict[str, Any], dark: bool = False, with_invalid: bool | None = None) -> go.Figure:
    """Return a heatmap of how many points more (or less) of each gold label's rows get each answer after tuning."""
    if with_invalid is None:
        with_invalid = any(comparison[which]["invalid"] for which in ("baseline", "tuned"))
    columns, _, before = confusion_shares(comparison["baseline"], with_invalid)
    _, _, after = confusion_shares(comparison["tuned"], with_invalid)
    change = after - before
    text = [[f"{100 * value:+.0f}" if abs(value) >= 0.005 else "0" for value in row] for row in change]
    return _heatmap(comparison["labels"], columns, change, text, _CHANGES[dark], (-1, 1), dark)


def confusion_shares(
    figures: dict[str, Any], with_invalid: bool | None = None
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the answers in the columns of a confusion matrix, its counts, and each cell's share of its row."""
    counts, columns = np.array(figures["confusion"], dtype=int), list(figures["labels"])
    if figures["invalid"] > 0 if with_invalid is None else with_invalid:
        counts = np.column_stack([counts, figures["confusion_invalid"]])
        columns.append(INVALID)
    totals = np.array(figures["confusion"]).sum(axis=1) + np.array(figures["confusion_invalid"])
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
    figure = go.Figure(
        go.Heatmap(
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
    )
    _write_cells(figure, values, text, scale, limits)
    _add_targets(figure, rows, columns)
    figure.update_xaxes(
        tickvals=list(columns), ticktext=[_marked(label) for label in columns], side="top", title="model says"
    )
    figure.update_yaxes(
        tickvals=list(rows), ticktext=[_marked(label) for label in rows], autorange="reversed", title="gold label"
    )
    _outline_studied_cell(figure, rows, columns, _OUTLINE[dark])
    return _styled(figure, 110 + 62 * len(rows))


def _write_cells(
    figure: go.Figure, values: np.ndarray, text: list[list[str]], scale: list[list[Any]], limits: tuple[float, float]
) -> None:
    """Write each cell's text in the darker or the lighter ink, whichever its colour leaves more readable."""
    places = (np.clip(values, *limits) - limits[0]) / (limits[1] - limits[0])
    colors = sample_colorscale(scale, places.reshape(-1).tolist(), colortype="tuple")
    inks = ["#000000" if _luminance(color) > 0.179 else "#ffffff" for color in colors]
    for (row, column), ink in zip(np.ndindex(values.shape), inks, strict=True):
        figure.add_annotation(x=column, y=row, text=text[row][column], showarrow=False, font={"color": ink, "size": 12})


def _luminance(color: tuple[float, float, float]) -> float:
    """Return the relative luminance of an sRGB colour (WCAG 2.2), 0 to 1."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _add_targets(figure: go.Figure, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Lay an unseen marker over each cell, since heatmaps report no clicks; its customdata is (gold, answer)."""
    cells = [(gold, answer) for gold in rows for answer in columns]
    figure.add_scatter(
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


def _outline_studied_cell(figure: go.Figure, rows: Sequence[str], columns: Sequence[str], color: str) -> None:
    """Outline neutral texts that are called positive (or bullish, its neighbour in the five-label view)."""
    places = [place for place, label in enumerate(columns) if label in (BULLISH, POSITIVE)]
    row = list(rows).index(NEUTRAL)
    figure.add_shape(
        type="rect",
        x0=places[0] - 0.5,
        x1=places[-1] + 0.5,
        y0=row - 0.5,
        y1=row + 0.5,
        line={"color": color, "width": 3},
        fillcolor=_CLEAR,
    )


def _marked(label: str) -> str:
    return f'<span style="color:{LABEL_COLORS[label]}">■</span> {label}'


def _styled(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        dragmode=False,
    )
    figure.update_xaxes(fixedrange=True, showgrid=False, zeroline=False)
    figure.update_yaxes(fixedrange=True, showgrid=False, zeroline=False)
    return figure


def dumbbell_figure(table: pd.DataFrame, figure_name: str) -> go.Figure:
    """Return one figure of each class before and after, joined by a line, with 95 % intervals as thin bars.

    ``table`` is :func:`finsent.comparison.per_class_table`; ``figure_name`` is precision, recall or f1. A class for
    which neither model has the figure is left out.
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
    for column, name, color, symbol in (
        ("baseline", "baseline", BASELINE_COLOR, "circle-open"),
        ("tuned", "fine-tuned", TUNED_COLOR, "circle"),
    ):
        figure.add_scatter(
            x=rows[column],
            y=rows["class"],
            name=name,
            mode="markers",
            marker={"color": color, "size": 12, "symbol": symbol, "line": {"width": 2.5, "color": color}},
            error_x={
                "type": "data",
                "array": rows[f"{column} high"] - rows[column],
                "arrayminus": rows[column] - rows[f"{column} low"],
                "color": color,
                "thickness": 1.5,
                "width": 5,
            },
            hovertemplate="%{y}: %{x:.1%}",
        )
    labels = rows["class"].tolist()
    _styled(figure, 90 + 52 * len(labels))
    figure.update_layout(legend={"orientation": "h", "y": -0.18}, margin={"t": 8, "r": 12})
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%", showgrid=True)
    figure.update_yaxes(
        categoryorder="array", categoryarray=labels[::-1], tickvals=labels, ticktext=[_marked(one) for one in labels]
    )
    return figure


def transition_figure(counts: pd.DataFrame, dark: bool = False) -> go.Figure:
    """Return the flow from gold labels to what became of their rows, as a Sankey diagram.

    ``counts`` is :func:`finsent.comparison.transition_counts`.
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
    return _styled(figure, 330).update_layout(margin={"b": 16})


def _faded(color: str) -> str:
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.35)"
