"""Tables and figures of a data set: its labels, where its rows come from, how they are split."""

import pandas as pd
import plotly.graph_objects as go

from finsent.charts import LABEL_COLORS
from finsent.datasets import SPLITS
from finsent.labels import FIVE_LABELS, POSITIVE

_BAR_PIXELS = 34
#: Dark writing reads on every label colour but the darkest.
_WRITING = {POSITIVE: "#ffffff"}
_CLEAR = "rgba(0,0,0,0)"


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
    return _quiet(figure, len(table)).update_xaxes(range=[0, largest * 1.3], visible=False)


def stacked_figure(table: pd.DataFrame, by: str) -> go.Figure:
    """Return one bar per ``by`` (``source`` or ``split``), each stacked to 100 % of its rows by label.

    ``table`` is that of :func:`source_table` or :func:`split_table`.
    """
    shown = table[table["rows"] > 0][::-1]
    names = [f"{plain_name(name)}  {rows:,}" for name, rows in zip(shown[by], shown["rows"], strict=True)]
    # Bars stand by number, since names that are cut or doctored may be alike.
    places = list(range(len(names)))
    figure = go.Figure()
    for label in (label for label in FIVE_LABELS if label in shown):
        shares = shown[label] / shown["rows"]
        figure.add_bar(
            x=shares,
            y=places,
            orientation="h",
            name=label,
            marker_color=LABEL_COLORS[label],
            text=[f"{share:.0%}" if share >= 0.045 else "" for share in shares],
            textposition="inside",
            insidetextanchor="middle",
            insidetextfont_color=_WRITING.get(label, "#10181c"),
            textangle=0,
            customdata=shown[label],
            hovertemplate=f"{label}: %{{customdata:,}} rows, %{{x:.1%}}<extra>%{{y}}</extra>",
        )
    # Writing that does not fit its piece of a bar is left out rather than shrunk.
    figure.update_layout(uniformtext={"minsize": 10, "mode": "hide"})
    figure.update_layout(barmode="stack", legend={"orientation": "h", "y": 0, "yanchor": "top", "traceorder": "normal"})
    figure.update_yaxes(tickvals=places, ticktext=names)
    return _quiet(figure, len(shown), extra=64).update_xaxes(range=[0, 1], visible=False)


def _counts(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    counts = pd.crosstab(rows[by], rows["label"])
    counts = counts[[label for label in FIVE_LABELS if label in counts]]
    return counts.assign(rows=counts.sum(axis=1)).rename_axis(None, axis=1).reset_index()


def plain_name(name: str) -> str:
    """Return a name from a file for a chart: cut where it is long, and free of the HTML tags that Plotly reads."""
    name = name.replace("<", "‹").replace(">", "›").replace("&", "＆") or "(none)"
    return name if len(name) <= 28 else name[:27] + "…"


def _quiet(figure: go.Figure, bars: int, extra: int = 0) -> go.Figure:
    return figure.update_layout(
        height=24 + _BAR_PIXELS * max(bars, 2) + extra,
        margin={"l": 0, "r": 0, "t": 4, "b": 0},
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        bargap=0.28,
        showlegend=extra > 0,
    ).update_yaxes(fixedrange=True, ticks="", automargin=True)
