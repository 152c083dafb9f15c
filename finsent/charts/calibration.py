"""Figures that put a comparison into proportion: what the prior explains, references, confidence, threshold.

Pure functions from the values of :mod:`finsent.evaluation.in_proportion` and the tables of
:mod:`finsent.metrics.calibration` and :mod:`finsent.metrics.thresholds`."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from finsent.charts.template import BASELINE_COLOR, MODEL_LOOKS, SHARE_AXIS, TUNED_COLOR, marker, styled, whiskers
from finsent.charts.thinning import thin
from finsent.metrics.figures import Figures, Pieces, ReferenceFigures
from finsent.metrics.reference_models import REFERENCE_TITLES

PRIOR_COLOR = "#b08a2e"
_REFERENCE_COLOR = "#8a63a8"
_FAINT = "rgba(138,148,160,0.7)"


def pieces_table(pieces: Pieces) -> pd.DataFrame:
    """Return the three pieces of a figure (see :func:`finsent.metrics.calibration.prior_account`), one row each.

    Columns: ``piece, from, to, change, low, high``; the baseline's piece begins at 0 and has no interval.
    """
    start = pieces.baseline or 0.0
    middle, end = (start + (change.value or 0.0) for change in (pieces.prior, pieces.total))
    rows: list[tuple[Any, ...]] = [("baseline as it is", 0.0, start, start, None, None)]
    for name, begins, ends, change in (
        ("a mere shift of the prior", start, middle, pieces.prior),
        ("beyond it", middle, end, pieces.beyond),
    ):
        rows.append((name, begins, ends, change.value, *(change.ci or (None, None))))
    return pd.DataFrame(rows, columns=["piece", "from", "to", "change", "low", "high"])


def pieces_figure(table: pd.DataFrame) -> go.Figure:
    """Return :func:`pieces_table` as three bars, each beginning where the one above it ends."""
    figure = go.Figure()
    colors = (BASELINE_COLOR, PRIOR_COLOR, TUNED_COLOR)
    for place, (_, row) in enumerate(table.iterrows()):
        text = f"{row['change']:.1%}" if place == 0 else f"{100 * row['change']:+.1f} points"
        figure.add_bar(
            y=[row["piece"]],
            x=[row["to"] - row["from"]],
            base=[row["from"]],
            orientation="h",
            marker_color=colors[place],
            hovertemplate=f"{row['piece']}: {row['from']:.1%} to {row['to']:.1%}<extra></extra>",
        )
        # Plotly writes beside a bar's end, which for a fall is where the axis labels are.
        figure.add_annotation(
            x=max(row["from"], row["to"]), y=row["piece"], text=text, xanchor="left", xshift=3, showarrow=False
        )
    shares = {"range": [0, 1.36], "tickvals": [0, 0.2, 0.4, 0.6, 0.8, 1], "tickformat": ".0%", "zeroline": True}
    pieces = {"autorange": "reversed", "showgrid": False}
    return styled(figure, 170, showlegend=False, bargap=0.35, xaxis=shares, yaxis=pieces)


def scale_table(
    models: Mapping[str, Figures], references: Mapping[str, ReferenceFigures] | None, figure_name: str
) -> pd.DataFrame:
    """Return one figure (``accuracy`` or ``macro_f1``) of the references and of both models, lowest first.

    Columns: ``model, value, low, high, n, kind`` (reference, baseline or fine-tuned).
    """
    rows: list[tuple[str, Figures, str]] = [
        ("baseline", models["baseline"], "baseline"),
        ("fine-tuned", models["tuned"], "fine-tuned"),
        *((REFERENCE_TITLES[name], figures, "reference") for name, figures in (references or {}).items()),
    ]
    found = [(name, one.of(figure_name), one.n, kind) for name, one, kind in rows]
    table = pd.DataFrame(
        [(name, value, interval.low, interval.high, n, kind) for name, (value, interval), n, kind in found],
        columns=["model", "value", "low", "high", "n", "kind"],
    )
    return table.sort_values("value", kind="stable").reset_index(drop=True)


def scale_figure(table: pd.DataFrame) -> go.Figure:
    """Return :func:`scale_table` as points with their intervals, best on top."""
    looks = {title: (color, symbol) for _, title, color, symbol, _ in MODEL_LOOKS}
    looks["reference"] = (_REFERENCE_COLOR, "diamond")
    figure = go.Figure()
    for _, row in table.iterrows():
        color, symbol = looks[row["kind"]]
        figure.add_scatter(
            x=[row["value"]],
            y=[row["model"]],
            mode="markers+text",
            text=[f"{row['value']:.1%}"],
            textposition="top center",
            marker=marker(color, symbol),
            error_x=whiskers([row["value"]], [row["low"]], [row["high"]], color),
            hovertemplate=f"{row['model']}: {row['value']:.1%} ({row['low']:.1%} to {row['high']:.1%})<extra></extra>",
        )
    shares = SHARE_AXIS | {"range": [-0.02, 1.05]}
    return styled(figure, 70 + 52 * len(table), showlegend=False, xaxis=shares, yaxis={"showgrid": False})


def reliability_figure(before: pd.DataFrame, after: pd.DataFrame) -> go.Figure:
    """Return the reliability diagram of two :func:`finsent.metrics.calibration.reliability_table`."""
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": _FAINT, "dash": "dash", "width": 1}, name="as sure as right"
    )
    for table, (_, name, color, symbol, dash) in zip((before, after), MODEL_LOOKS, strict=True):
        figure.add_scatter(
            x=table["confidence"],
            y=table["accuracy"],
            mode="lines+markers",
            name=name,
            line={"color": color, "dash": dash, "width": 2},
            marker=marker(color, symbol) | {"size": 9},
            error_y=whiskers(table["accuracy"], table["low"], table["high"], color),
            customdata=table["n"],
            hovertemplate="said %{x:.0%}, was right %{y:.0%}, n = %{customdata:,}",
        )
    across, up = (SHARE_AXIS | {"title": title} for title in ("how sure it says it is", "how often it is right"))
    return styled(figure, 340, xaxis=across, yaxis=up)


def threshold_figure(before: pd.DataFrame, after: pd.DataFrame, chosen: tuple[float, float] | None) -> go.Figure:
    """Return positive recall against neutral called positive, over all thresholds, of both models.

    ``before`` and ``after`` are :func:`finsent.metrics.thresholds.threshold_curve`; ``chosen`` marks where the
    fine-tuned model stands with a threshold (neutral as positive, positive recall).
    """
    figure = go.Figure()
    for table, (_, name, color, _, dash) in zip((before, after), MODEL_LOOKS, strict=True):
        shown = thin(table, "positive recall", 400)
        figure.add_scatter(
            x=shown["neutral as positive"],
            y=shown["positive recall"],
            mode="lines",
            name=name,
            line={"color": color, "dash": dash, "width": 2.5, "shape": "hv"},
            customdata=shown["threshold"],
            hovertemplate="threshold %{customdata:.2f}: %{x:.1%} of neutral, %{y:.1%} of positive texts",
        )
    if chosen is not None:
        figure.add_scatter(
            x=[chosen[0]],
            y=[chosen[1]],
            mode="markers",
            name="with the threshold",
            marker={"color": TUNED_COLOR, "size": 14, "symbol": "x", "line": {"width": 1, "color": TUNED_COLOR}},
            hovertemplate="%{x:.1%} of neutral, %{y:.1%} of positive texts called positive",
        )
    across, up = (SHARE_AXIS | {"title": title} for title in ("neutral called positive", "positive recall"))
    return styled(figure, 340, xaxis=across, yaxis=up)
