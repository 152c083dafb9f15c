"""Plotly figures of training: curves of one run while it goes on, and of several runs laid over one another.

Pure functions from tables (columns of ``telemetry.CURVE_COLUMNS``) to figures of a fixed height.
"""

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from finsent.charts.template import ACCENT_COLOR, SHARE_AXIS, TUNED_COLOR, layout, plain, whiskers
from finsent.charts.thinning import thin
from finsent.runs.curves import curve

#: Kept apart from the colours of the labels, and readable on a light and on a dark background.
RUN_COLORS = (TUNED_COLOR, ACCENT_COLOR, "#8a7a2f", "#5b6fc0", "#4f8a4a", "#9a6b4f")
_RUN_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")

TAG_TITLES = {
    "train/loss": "Training loss",
    "eval/loss": "Validation loss",
    "eval/accuracy": "Validation accuracy",
    "eval/neutral_as_positive": "Neutral called positive",
    "train/learning_rate": "Learning rate",
    "train/grad_norm": "Gradient norm",
    "train/tokens_per_second": "Tokens a second",
}


def loss_figure(curves: pd.DataFrame, last_step: int, height: int = 320) -> go.Figure:
    """Return training loss (line) and validation loss (diamonds) over steps; the axis reaches to ``last_step``."""
    train = _line(thin(curve(curves, "train/loss")), "training", TUNED_COLOR)
    validation = _evaluations(curve(curves, "eval/loss"), "validation", "%{y:.4f}")
    return _figure([train, validation], "Loss", height, last_step, {"rangemode": "tozero"}, legend=True)


def scalar_figure(curves: pd.DataFrame, tag: str, last_step: int, height: int = 180) -> go.Figure:
    """Return one quantity over steps as a small figure titled with its name."""
    title = TAG_TITLES.get(tag, tag)
    axis = {"rangemode": "tozero", "nticks": 4, "tickformat": "~g"}
    return _figure([_line(thin(curve(curves, tag)), title, TUNED_COLOR)], title, height, last_step, axis)


def share_figure(points: pd.DataFrame, last_step: int, height: int = 320) -> go.Figure:
    """Return a share over steps with its interval as bars; columns ``step, value, low, high`` (0 to 1)."""
    trace = _evaluations(points, "share", "%{y:.1%}")
    trace["error_y"] = whiskers(points["value"], points["low"], points["high"], ACCENT_COLOR)
    return _figure([trace], TAG_TITLES["eval/neutral_as_positive"], height, last_step, SHARE_AXIS)


def overlay_figure(curves: dict[str, pd.DataFrame], tag: str, height: int = 340) -> go.Figure:
    """Return one quantity of several runs over steps; ``curves`` maps a run's title to its table."""
    last_step = max((int(table["step"].max()) for table in curves.values() if len(table)), default=1)
    traces = []
    for index, (title, table) in enumerate(curves.items()):
        trace = _line(thin(curve(table, tag)), plain(title), RUN_COLORS[index % len(RUN_COLORS)])
        trace["line"]["dash"] = _RUN_DASHES[index % len(_RUN_DASHES)]
        traces.append(trace)
    return _figure(traces, TAG_TITLES.get(tag, tag), height, last_step, {"rangemode": "tozero"}, legend=True)


def _line(points: pd.DataFrame, name: str, color: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": points["step"].to_numpy(),
        "y": points["value"].to_numpy(),
        "name": name,
        "mode": "lines+markers" if len(points) <= 60 else "lines",
        "line": {"color": color, "width": 1.8},
        "marker": {"size": 4},
        "hovertemplate": "step %{x}: %{y:.4~g}",
    }


def _evaluations(points: pd.DataFrame, name: str, value: str) -> dict[str, Any]:
    """Return the trace of a quantity that is measured at each evaluation on the validation sample."""
    return {
        "type": "scatter",
        "x": points["step"].to_numpy(),
        "y": points["value"].to_numpy(),
        "name": name,
        "mode": "lines+markers",
        "line": {"color": ACCENT_COLOR, "width": 1.8, "dash": "dot"},
        "marker": {"symbol": "diamond", "size": 8},
        "hovertemplate": f"step %{{x}}: {value}",
    }


def _figure(
    traces: list[dict[str, Any]],
    title: str,
    height: int,
    last_step: int,
    yaxis: dict[str, Any],
    legend: bool = False,
) -> go.Figure:
    # Room for the markers of the first and the last step.
    steps = [-0.015 * max(last_step, 1), 1.015 * max(last_step, 1)]
    # Built in one call: each later update of a figure costs more than all of its making.
    own = {
        "title": {"text": title, "font": {"size": 14}, "x": 0},
        "margin": {"l": 8, "t": 40, "b": 8},
        "dragmode": "zoom",
        "showlegend": legend,
        "legend": {"x": 1, "xanchor": "right"},
        "hovermode": "x unified",
        "xaxis": {"range": steps, "title": {"text": "step"}, "showgrid": False, "fixedrange": False},
        "yaxis": {"fixedrange": False} | yaxis,
    }
    return go.Figure({"data": traces, "layout": layout(height, **own)})
