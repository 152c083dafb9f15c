"""The confusion matrices of Compare, what changed between them, and the rows behind a cell."""

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from finsent.charts.comparison import confusion_figure, confusion_shares, difference_figure
from finsent.labels import INVALID, NEUTRAL, POSITIVE
from finsent.metrics.comparison import cell_rows
from finsent.metrics.figures import Comparison, Figures
from pages.shared.ui import counted, show_chart, show_table, what_is

MODELS = {"baseline": "baseline", "tuned": "fine-tuned"}


def show_confusion(comparison: Comparison, dark: bool) -> None:
    """Show both matrices; what is chosen in them stands directly below."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Who is called what", width="content")
        what_is("confusion matrix", "neutral called positive", "baseline")
    with_invalid = _with_invalid(comparison)
    for column, model in zip(st.columns(2, gap="medium"), MODELS, strict=True):
        with column:
            st.markdown(f"**{MODELS[model].capitalize()}**")
            _show_clickable(confusion_figure(comparison.models[model], dark, with_invalid), model)
    st.caption(
        f"Gold label by answer, with the share of each gold label's rows; n = {comparison.n:,}. Outlined: neutral "
        "called positive. Choose a cell: its rows stand here."
    )


def _show_tables(comparison: Comparison) -> None:
    with st.expander("The tables behind the matrices"):
        for column, model in zip(st.columns(2, gap="medium"), MODELS, strict=True):
            with column:
                st.markdown(f"**{MODELS[model].capitalize()}**")
                table = confusion_table(comparison.models[model], _with_invalid(comparison))
                show_table(table, f"confusion-{model}")


def confusion_table(figures: Figures, with_invalid: bool) -> pd.DataFrame:
    columns, counts, _ = confusion_shares(figures, with_invalid)
    return pd.DataFrame(counts, columns=columns).assign(gold=figures.labels)[["gold", *columns]]


def _with_invalid(comparison: Comparison) -> bool:
    return any(figures.invalid for figures in comparison.models.values())


def _show_clickable(figure: go.Figure, model: str) -> None:
    """Show a heatmap whose cells can be clicked; the choice goes into the fields below, which take a keyboard, too."""
    key = f"confusion-{model}"

    def take_over() -> None:
        points = st.session_state[key].selection.points
        if points:
            st.session_state["cell-model"] = model
            st.session_state["gold"], st.session_state["cell-answer"] = points[0]["customdata"]

    st.plotly_chart(figure, key=key, on_select=take_over, selection_mode="points", config={"displayModeBar": False})


def show_difference(comparison: Comparison, dark: bool) -> None:
    """Show the tables behind the matrices, folded, and what changed from one to the other."""
    _show_tables(comparison)
    st.markdown("**Difference, in points of the row**")
    show_chart(
        difference_figure(comparison, dark),
        "Fine-tuned minus baseline: of 100 texts of that gold label, how many more (+) or fewer (−) get that answer.",
        key="confusion-difference",
    )


def show_cell(comparison: Comparison, answers: pd.DataFrame) -> pd.DataFrame:
    labels = comparison.labels
    options = [*labels, INVALID] if _with_invalid(comparison) else labels
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = st.radio(
            "Model",
            list(MODELS),
            format_func=MODELS.__getitem__,
            horizontal=True,
            key="cell-model",
            bind="query-params",
        )
        # The cell that is studied stands first in the lists: a click on a chart sets them, which no default may
        # contradict.
        gold = st.selectbox("Gold label", _with_first(NEUTRAL, labels), key="gold", bind="query-params", width=140)
        answer = st.selectbox(
            "Called", _with_first(POSITIVE, options), key="cell-answer", bind="query-params", width=140
        )
        rows = cell_rows(answers, model, gold, answer)
        st.markdown(
            f"**{counted(len(rows), f'{gold} row')}** that the {MODELS[model]} model calls **{answer}**, surest first."
        )
    return rows


def _with_first(first: str, labels: list[str]) -> list[str]:
    return [first, *(label for label in labels if label != first)]
