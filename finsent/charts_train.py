"""Plotly figures of training: curves of one run while it goes on, and of several runs laid over one another.

Pure functions from tables (columns of ``telemetry.CURVE_COLUMNS``) to figures of a fixed height.
"""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from finsent.telemetry import curve

#: Kept apart from the colours of the labels, and readable on a light and on a dark background.
TRAIN_COLOR = "#17998c"
VALIDATION_COLOR = "#c4507e"
RUN_COLORS = ("#17998c", "#c4507e", "#8a7a2f", "#5b6fc0", "#4f8a4a", "#9a6b4f")
_RUN_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")

#: More points than this cannot be told apart on a screen.
MAX_POINTS = 1_500

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
    train = _line(thin(curve(curves, "train/loss")), "training", TRAIN_COLOR)
    validation = _looks(curve(curves, "eval/loss"), "validation", "%{y:.4f}")
    return _figure([train, validation], "Loss", height, last_step, {"rangemode": "tozero"}, legend=True)


def scalar_figure(curves: pd.DataFrame, tag: str, last_step: int, height: int = 180) -> go.Figure:
    """Return one quantity over steps as a small figure titled with its name."""
    title = TAG_TITLES.get(tag, tag)
    axis = {"rangemode": "tozero", "nticks": 4, "tickformat": "~g"}
    return _figure([_line(thin(curve(curves, tag)), title, TRAIN_COLOR)], title, height, last_step, axis)


def share_figure(points: pd.DataFrame, last_step: int, height: int = 320) -> go.Figure:
    """Return a share over steps with its interval as bars; columns ``step, value, low, high`` (0 to 1)."""
    trace = _looks(points, "share", "%{y:.1%}")
    trace["error_y"] = {
        "type": "data",
        "symmetric": False,
        "array": (points["high"] - points["value"]).to_numpy(),
        "arrayminus": (points["value"] - points["low"]).to_numpy(),
        "thickness": 1.2,
        "width": 4,
    }
    axis = {"range": [-0.02, 1.02], "tickformat": ".0%"}
    return _figure([trace], TAG_TITLES["eval/neutral_as_positive"], height, last_step, axis)


def overlay_figure(curves: dict[str, pd.DataFrame], tag: str, height: int = 340) -> go.Figure:
    """Return one quantity of several runs over steps; ``curves`` maps a run's title to its table."""
    last_step = max((int(table["step"].max()) for table in curves.values() if len(table)), default=1)
    traces = []
    for index, (title, table) in enumerate(curves.items()):
        trace = _line(thin(curve(table, tag)), _plain(title), RUN_COLORS[index % len(RUN_COLORS)])
        trace["line"]["dash"] = _RUN_DASHES[index % len(_RUN_DASHES)]
        traces.append(trace)
    return _figure(traces, TAG_TITLES.get(tag, tag), height, last_step, {"rangemode": "tozero"}, legend=True)


def thin(points: pd.DataFrame, limit: int = MAX_POINTS) -> pd.DataFrame:
    """Return at most ``limit`` points that draw the same line: the lowest and highest of each stretch, and the last."""
    points = points[np.isfinite(points["value"].to_numpy(dtype=float))]
    if len(points) <= limit:
        return points
    values = points["value"].to_numpy()
    edges = np.linspace(0, len(values), limit // 2).round().astype(int)
    kept = [len(values) - 1]
    for start, end in zip(edges[:-1], edges[1:], strict=True):
        kept += [start + int(values[start:end].argmin()), start + int(values[start:end].argmax())]
    return points.iloc[np.unique(kept)]


def thin_curves(curves: pd.DataFrame, limit: int = MAX_POINTS) -> pd.DataFrame:
    """Return a curves table with every tag thinned to at most ``limit`` points."""
    if len(curves) <= limit:
        return curves
    return pd.concat([thin(part, limit) for _, part in curves.groupby("tag", sort=False)])


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


def _looks(points: pd.DataFrame, name: str, value: str) -> dict[str, Any]:
    """Return the trace of a quantity that is measured at each look at the validation sample."""
    return {
        "type": "scatter",
        "x": points["step"].to_numpy(),
        "y": points["value"].to_numpy(),
        "name": name,
        "mode": "lines+markers",
        "line": {"color": VALIDATION_COLOR, "width": 1.8, "dash": "dot"},
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
    layout = {
        "title": {"text": title, "font": {"size": 14}, "x": 0},
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 40, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": legend,
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.0, "yanchor": "bottom"},
        "hovermode": "x unified",
        "xaxis": {"range": steps, "title": {"text": "step"}, "zeroline": False, "showgrid": False},
        "yaxis": {"zeroline": False} | yaxis,
    }
    return go.Figure({"data": traces, "layout": layout})


def _plain(text: str) -> str:
    # Plotly reads a few HTML tags in names.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
