"""Figures that put a comparison into proportion: what the prior explains, references, confidence, threshold.

Pure functions from the values of :mod:`finsent.full_evaluation` and the tables of :mod:`finsent.calibration` and
:mod:`finsent.thresholds`. Backgrounds are transparent and the text takes the app's theme.
"""

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from finsent.charts import BASELINE_COLOR, TUNED_COLOR
from finsent.references import REFERENCE_TITLES

PRIOR_COLOR = "#b08a2e"
_LOOKS = (("baseline", BASELINE_COLOR, "circle-open", "dot"), ("fine-tuned", TUNED_COLOR, "circle", "solid"))
_REFERENCE_COLOR = "#8a63a8"
_FAINT = "rgba(138,148,160,0.7)"
_CLEAR = "rgba(0,0,0,0)"


def pieces_table(pieces: dict[str, Any]) -> pd.DataFrame:
    """Return the three pieces of a figure (see :func:`finsent.calibration.prior_account`), one row each.

    Columns: ``piece, from, to, change, low, high``; the baseline's piece begins at 0 and has no interval.
    """
    start = pieces["baseline"]
    middle, end = start + pieces["prior"]["value"], start + pieces["total"]["value"]
    rows = [("baseline as it is", 0.0, start, start, None, None)]
    for name, begins, ends, change in (
        ("a mere shift of the prior", start, middle, pieces["prior"]),
        ("beyond it", middle, end, pieces["beyond"]),
    ):
        rows.append((name, begins, ends, change["value"], *change["ci"]))
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
    _styled(figure, 170)
    figure.update_layout(showlegend=False, bargap=0.35)
    figure.update_xaxes(range=[0, 1.12], tickvals=[0, 0.2, 0.4, 0.6, 0.8, 1], tickformat=".0%", zeroline=True)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure


def scale_table(evaluation: dict[str, Any], figure_name: str) -> pd.DataFrame:
    """Return one figure (``accuracy`` or ``macro_f1``) of the references and of both models, lowest first.

    Columns: ``model, value, low, high, n, kind`` (reference, baseline or fine-tuned).
    """
    rows = [("baseline", evaluation["baseline"], "baseline"), ("fine-tuned", evaluation["tuned"], "fine-tuned")]
    rows += [(REFERENCE_TITLES[name], value, "reference") for name, value in (evaluation["reference"] or {}).items()]
    table = pd.DataFrame(
        [(name, value[figure_name], *value[f"{figure_name}_ci"], value["n"], kind) for name, value, kind in rows],
        columns=["model", "value", "low", "high", "n", "kind"],
    )
    return table.sort_values("value", kind="stable").reset_index(drop=True)


def scale_figure(table: pd.DataFrame) -> go.Figure:
    """Return :func:`scale_table` as points with their intervals, best on top."""
    looks = {
        "baseline": (BASELINE_COLOR, "circle-open"),
        "fine-tuned": (TUNED_COLOR, "circle"),
        "reference": (_REFERENCE_COLOR, "diamond"),
    }
    figure = go.Figure()
    for _, row in table.iterrows():
        color, symbol = looks[row["kind"]]
        figure.add_scatter(
            x=[row["value"]],
            y=[row["model"]],
            mode="markers+text",
            text=[f"{row['value']:.1%}"],
            textposition="top center",
            marker={"color": color, "symbol": symbol, "size": 12, "line": {"width": 2.5, "color": color}},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [row["high"] - row["value"]],
                "arrayminus": [row["value"] - row["low"]],
                "color": color,
                "thickness": 1.5,
                "width": 5,
            },
            hovertemplate=f"{row['model']}: {row['value']:.1%} ({row['low']:.1%} to {row['high']:.1%})<extra></extra>",
        )
    _styled(figure, 70 + 52 * len(table))
    figure.update_layout(showlegend=False)
    figure.update_xaxes(range=[-0.02, 1.05], tickformat=".0%")
    figure.update_yaxes(showgrid=False)
    return figure


def reliability_figure(before: pd.DataFrame, after: pd.DataFrame) -> go.Figure:
    """Return the reliability diagram of two :func:`finsent.calibration.reliability_table`."""
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": _FAINT, "dash": "dash", "width": 1}, name="as sure as right"
    )
    for table, (name, color, symbol, dash) in zip((before, after), _LOOKS, strict=True):
        figure.add_scatter(
            x=table["confidence"],
            y=table["accuracy"],
            mode="lines+markers",
            name=name,
            line={"color": color, "dash": dash, "width": 2},
            marker={"color": color, "symbol": symbol, "size": 9},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": table["high"] - table["accuracy"],
                "arrayminus": table["accuracy"] - table["low"],
                "color": color,
                "thickness": 1.2,
                "width": 4,
            },
            customdata=table["n"],
            hovertemplate="said %{x:.0%}, was right %{y:.0%}, n = %{customdata:,}",
        )
    _styled(figure, 340)
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%", title="how sure it says it is")
    figure.update_yaxes(range=[-0.02, 1.02], tickformat=".0%", title="how often it is right")
    return figure


def threshold_figure(before: pd.DataFrame, after: pd.DataFrame, chosen: tuple[float, float] | None) -> go.Figure:
    """Return positive recall against neutral called positive, over all thresholds, of both models.

    ``before`` and ``after`` are :func:`finsent.thresholds.threshold_curve`; ``chosen`` marks where the fine-tuned
    model stands with a threshold (neutral as positive, positive recall).
    """
    figure = go.Figure()
    for table, (name, color, _, dash) in zip((before, after), _LOOKS, strict=True):
        shown = thinned(table)
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
    _styled(figure, 340)
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%", title="neutral called positive")
    figure.update_yaxes(range=[-0.02, 1.02], tickformat=".0%", title="positive recall")
    return figure


def thinned(curve: pd.DataFrame, most: int = 400) -> pd.DataFrame:
    """Return at most about ``most`` points of a curve, evenly spaced, with both its ends."""
    step = max(1, len(curve) // most)
    places = sorted({*range(0, len(curve), step), len(curve) - 1} - {-1})
    return curve.iloc[places]


def _styled(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        dragmode=False,
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom"},
    )
    figure.update_xaxes(fixedrange=True, zeroline=False)
    figure.update_yaxes(fixedrange=True, zeroline=False)
    return figure
