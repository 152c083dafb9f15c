"""The figure of what models answered to one text."""

from collections.abc import Mapping

import plotly.graph_objects as go

from finsent.charts.template import STACKED_SHARES, add_label_bars, marked, styled


def probability_figure(answers: Mapping[str, Mapping[str, float]]) -> go.Figure:
    """Return each model's probability of each label (0 to 1, within the answer set) as one stacked bar a model.

    ``answers`` maps a model's name to ``{label: probability}``, with the same labels in each; the first stands on top.
    """
    names = list(answers)[::-1]
    figure = go.Figure()
    for label in answers[names[-1]]:
        shares = [answers[name][label] for name in names]
        hover = f"{label}: %{{x:.1%}}<extra>%{{y}}</extra>"
        add_label_bars(figure, label, shares, names, [""] * len(names), hovertemplate=hover)
    for name in names:
        # Written above its bar, where the smallest piece has room for its label, too.
        words = "   ".join(f"{marked(label)} {_percent(share)}" for label, share in answers[name].items())
        figure.add_annotation(x=0, y=name, text=words, xanchor="left", yanchor="bottom", yshift=11, showarrow=False)
    return styled(figure, 16 + 62 * len(names), **STACKED_SHARES | {"bargap": 0.65, "showlegend": False})


def _percent(share: float) -> str:
    """Return a share in whole percent; what is not nothing is not written as nothing, nor what is not all as all."""
    return "<1 %" if 0 < share < 0.005 else ">99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"
