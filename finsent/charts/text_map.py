"""The figure of a map of texts: one point a text, coloured by what is known of it."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from finsent.charts.comparison import TRANSITION_COLORS
from finsent.charts.template import LABEL_COLORS, plain, short, styled
from finsent.data.splits import SPLITS
from finsent.evaluation.row_answers import ANSWERS, NO_ANSWER
from finsent.labels import FIVE_LABELS, INVALID

#: What points can be coloured by: the column, and what readers call it.
COLOURED_BY: dict[str, str] = {
    "label": "label",
    "source": "source",
    "split": "split",
    "baseline": "prediction before",
    "tuned": "prediction after",
    "transition": "error",
}
#: Marks of the map's points, since colour alone is not for everybody.
_SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up", "star")
#: Of what is neither a label nor an outcome, told apart with any colour vision (Okabe and Ito 2008).
_COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
_FOREGROUND: dict[str, Any] = {"size": 5, "opacity": 0.65}
#: Of answered texts, which are few among those that are not.
_ANSWERED: dict[str, Any] = {"size": 7, "opacity": 0.85}
#: Of points that are there to show where the others stand: no label has it.
_BACKGROUND: dict[str, Any] = {"color": "#b4bac0", "symbol": "circle-open", "size": 4, "opacity": 0.45}
#: Characters of a text that are shown where the pointer is.
_HOVERED = 120


def map_figure(table: pd.DataFrame, by: str) -> go.Figure:
    """Return a map of texts: ``x, y, row_id, text`` and the column ``by``, one colour and mark per value of it.

    ``by`` is one of :data:`COLOURED_BY`. Values without a colour of their own are grey and lie below the others: texts
    that no model answered, and small sources. The legend has the number of texts of each. Drawn with WebGL, so that
    tens of thousands of points stay fluid; ``customdata`` holds the row ids.
    """
    figure = go.Figure()
    looks = _looks(table[by], by)
    others = table[~table[by].isin(list(looks))]
    if len(others):
        _add_points(figure, others, _name_of_others(others[by]), _BACKGROUND)
    shape = _ANSWERED if by in ANSWERS else _FOREGROUND
    for value, look in looks.items():
        part = table[table[by] == value]
        _add_points(figure, part, f"{short(value)}  {len(part):,}", shape | look)
    quiet = {"visible": False, "showgrid": False, "zeroline": False}
    return styled(figure, 560, xaxis=quiet, yaxis=quiet, dragmode="lasso", uirevision="map")


def _looks(values: pd.Series, by: str) -> dict[str, dict[str, Any]]:
    """Return colour and mark of each value that has its own, in the order of the legend; one value keeps its look."""
    if by in ("label", "baseline", "tuned"):
        colors = {label: LABEL_COLORS[label] for label in (*FIVE_LABELS, INVALID)}
    elif by == "transition":
        colors = TRANSITION_COLORS
    else:
        names = list(SPLITS) if by == "split" else sorted(values.value_counts().index[: len(_COLORS)])
        colors = dict(zip(names, _COLORS, strict=False))
    looks = {
        value: {"color": color, "symbol": symbol}
        for (value, color), symbol in zip(colors.items(), _SYMBOLS, strict=False)
    }
    there = set(values)
    return {value: look for value, look in looks.items() if value in there}


def _name_of_others(values: pd.Series) -> str:
    if values.name in ANSWERS and (values == NO_ANSWER).all():
        return f"no prediction  {len(values):,}"
    others = values.nunique()
    return f"{others:,} other{'s' if others > 1 else ''}  {len(values):,}"


def _add_points(figure: go.Figure, part: pd.DataFrame, name: str, look: dict[str, Any]) -> None:
    figure.add_scattergl(
        x=part["x"],
        y=part["y"],
        mode="markers",
        name=name,
        marker=look,
        customdata=part["row_id"],
        text=[plain(text[:_HOVERED]) for text in part["text"]],
        hovertemplate="%{text}<extra></extra>",
    )
