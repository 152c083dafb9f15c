"""Tables and figures of a data set: its labels, where its rows come from, how they are split."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from finsent.charts.template import (
    ACCENT_COLOR,
    LABEL_COLORS,
    STACKED_SHARES,
    TUNED_COLOR,
    add_label_bars,
    short,
    styled,
)
from finsent.data.splits import SPLITS
from finsent.labels import FIVE_LABELS

_BAR_PIXELS = 34
_QUIET = {"ticks": "", "automargin": True}


def label_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return ``label, rows, share`` for each label that occurs, in the order negative to positive."""
    counts = rows["label"].value_counts().reindex(FIVE_LABELS).dropna().astype(int)
    return pd.DataFrame({"label": counts.index, "rows": counts.to_numpy(), "share": counts.to_numpy() / len(rows)})


def source_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per source, largest first: ``source``, one count per label that occurs, ``rows``."""
    table = _counts(rows, "source")
    return table.sort_values("rows", ascending=False, kind="stable").reset_index(drop=True)


def split_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per split: ``split``, one count per label that occurs, ``rows``, ``share`` of all rows."""
    table = _counts(rows, "split").set_index("split").reindex(list(SPLITS), fill_value=0).reset_index()
    return table.assign(share=table["rows"] / len(rows))


def label_figure(table: pd.DataFrame) -> go.Figure:
    """Return one bar per label from :func:`label_table`, with its count and share written on it."""
    shown = table[::-1]
    figure = go.Figure(
        go.Bar(
            x=shown["rows"],
            y=shown["label"],
            orientation="h",
            marker_color=[LABEL_COLORS[label] for label in shown["label"]],
            text=[f"{rows:,} · {share:.0%}" for rows, share in zip(shown["rows"], shown["share"], strict=True)],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:,} rows<extra></extra>",
        )
    )
    largest = int(table["rows"].max()) if len(table) else 1
    own = {"xaxis": {"range": [0, largest * 1.3], "visible": False}, "yaxis": _QUIET, "bargap": 0.28}
    return styled(figure, _height(len(table)), showlegend=False, **own)


def stacked_figure(table: pd.DataFrame, by: str) -> go.Figure:
    """Return one bar per ``by`` (``source`` or ``split``), each stacked to 100 % of its rows by label.

    ``table`` is that of :func:`source_table` or :func:`split_table`.
    """
    shown = table[table["rows"] > 0][::-1]
    names = [f"{short(name)}  {rows:,}" for name, rows in zip(shown[by], shown["rows"], strict=True)]
    # Bars stand by number, since names that are cut or doctored may be alike.
    places = list(range(len(names)))
    figure = go.Figure()
    for label in (label for label in FIVE_LABELS if label in shown):
        shares = (shown[label] / shown["rows"]).tolist()
        text = [f"{share:.0%}" if share >= 0.045 else "" for share in shares]
        hover = f"{label}: %{{customdata:,}} rows, %{{x:.1%}}<extra>%{{y}}</extra>"
        add_label_bars(figure, label, shares, places, text, customdata=shown[label], hovertemplate=hover)
    axis = _QUIET | {"tickvals": places, "ticktext": names}
    return styled(figure, _height(len(shown)) + 64, yaxis=axis, bargap=0.28, **STACKED_SHARES)


def _counts(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    counts = pd.crosstab(rows[by], rows["label"])
    counts = counts[[label for label in FIVE_LABELS if label in counts]]
    return counts.assign(rows=counts.sum(axis=1)).rename_axis(None, axis=1).reset_index()


def _height(bars: int) -> int:
    return 24 + _BAR_PIXELS * max(bars, 2)


def length_figure(lengths: np.ndarray, limit: int) -> go.Figure:
    """Return a histogram of lengths in tokens, with a line where ``limit`` cuts."""
    figure = go.Figure(
        go.Histogram(x=lengths, nbinsx=60, marker_color=TUNED_COLOR, hovertemplate="%{x}: %{y:,}<extra></extra>")
    )
    if limit <= 1.5 * max(int(lengths.max()), 1):
        figure.add_vline(x=limit, line_dash="dash", line_color=ACCENT_COLOR, annotation_text=f"limit {limit:,}")
    axes = {"xaxis": {"title": "tokens of prompt and answer"}, "yaxis": {"title": "rows"}}
    return styled(figure, 280, showlegend=False, bargap=0.02, **axes)
