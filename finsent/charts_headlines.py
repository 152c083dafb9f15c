"""Figures of the Headlines page: pure functions from answers to plotly figures."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from finsent.charts import LABEL_COLORS
from finsent.classify import Answer, Classified


def answers_table(results: Sequence[Classified]) -> pd.DataFrame:
    """Return one row per text: both answers, whether they differ, and every label's probability.

    Columns of the fine-tuned model are absent where there is none.
    """
    rows = []
    for result in results:
        row: dict[str, object] = {"text": result.text, "baseline": result.baseline.label}
        if result.tuned:
            row |= {"fine-tuned": result.tuned.label, "changed": result.tuned.label != result.baseline.label}
        row |= _shares("baseline", result.baseline)
        if result.tuned:
            row |= _shares("fine-tuned", result.tuned)
        rows.append(row)
    return pd.DataFrame(rows)


def probability_bars(result: Classified) -> go.Figure:
    """Return one stacked bar per model: each label's probability within the answer set (0 to 1, sums to 1)."""
    models = [("baseline", result.baseline), ("fine-tuned", result.tuned)]
    shown = [(name, answer) for name, answer in reversed(models) if answer is not None]
    figure = go.Figure()
    for label in result.baseline.probabilities:
        shares = [answer.probabilities[label] for _, answer in shown]
        figure.add_bar(
            x=shares,
            y=[name for name, _ in shown],
            orientation="h",
            name=label,
            marker_color=LABEL_COLORS[label],
            text=[f"{label} {share:.0%}" if share >= 0.12 else "" for share in shares],
            textposition="inside",
            insidetextanchor="middle",
            textfont_color="white",
            hovertemplate=f"{label}: %{{x:.1%}}<extra>%{{y}}</extra>",
        )
    figure.update_layout(
        barmode="stack",
        height=70 + 48 * len(shown),
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "y": -0.25, "traceorder": "normal"},
        xaxis={"range": [0, 1], "visible": False, "fixedrange": True},
        yaxis={"fixedrange": True},
    )
    return figure


def _shares(model: str, answer: Answer) -> dict[str, float]:
    return {f"{model}: {label}": share for label, share in answer.probabilities.items()}
