"""The charts of a run: loss, neutral texts called positive, what the optimizer does, and the tables behind them."""

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from finsent.charts.thinning import thin_curves
from finsent.charts.training import loss_figure, scalar_figure, share_figure
from finsent.runs.curves import curve, neutral_called_positive
from finsent.runs.first_answers import BASELINE, OWN, PARENT
from finsent.runs.store import Run
from pages.shared.ui import counted, on_demand, show_chart, show_table, what_is

LOSS_TAGS = ("train/loss", "eval/loss")
SMALL_TAGS = ("train/learning_rate", "train/grad_norm", "train/tokens_per_second")


#: What is said of step 0, by whose the first point is.
_STEP_0 = {
    BASELINE: "Step 0 is the baseline.",
    PARENT: "Step 0 is the run that this one continues: training began with its adapter, not with the baseline.",
    OWN: "There is no step 0: how the run that this one continues answers these texts is not known.",
}


@dataclass(frozen=True)
class Drawn:
    """What is drawn of a run's curves, kept until a point is added, so that nothing moves and little is computed."""

    curves: pd.DataFrame
    last_step: int
    neutral: pd.DataFrame
    thinned: pd.DataFrame
    loss: go.Figure
    share: go.Figure
    small: dict[str, go.Figure]


def draw(run: Run, curves: pd.DataFrame) -> Drawn:
    last_step = _last_step(run, curves)
    kept: Drawn | None = st.session_state.get("drawn")
    if kept is not None and kept.curves is curves and kept.last_step == last_step and len(kept.neutral):
        return kept
    neutral = neutral_called_positive(run, curves)
    thinned = thin_curves(curves)
    drawn = Drawn(
        curves=curves,
        last_step=last_step,
        neutral=neutral,
        thinned=thinned,
        loss=loss_figure(thinned, last_step),
        share=share_figure(neutral, last_step),
        small={tag: scalar_figure(thinned, tag, last_step) for tag in SMALL_TAGS},
    )
    st.session_state["drawn"] = drawn
    return drawn


def _last_step(run: Run, curves: pd.DataFrame) -> int:
    if run.progress is not None and run.progress.unit == "steps":
        return run.progress.total
    return int(curves["step"].max()) if len(curves) else 1


def show_figures(run: Run, drawn: Drawn) -> None:
    neutral, curves = drawn.neutral, drawn.thinned
    last = neutral.iloc[-1] if len(neutral) else None
    n = f" (n = {last['n']:.0f})" if last is not None else ""
    # Before the first evaluation there is no figure of this run yet.
    whose = f", {last['of']}" if last is not None and last["of"] != OWN else ""
    figures = {
        "Step": f"{run.steps:,}",
        "Training loss": _last(curves, "train/loss", "{:.4f}"),
        "Validation loss": _last(curves, "eval/loss", "{:.4f}"),
        f"Neutral called positive{whose}{n}": f"{last['value']:.1%}" if last is not None else "–",
        "Tokens a second": _last(curves, "train/tokens_per_second", "{:,.0f}"),
    }
    with st.container(horizontal=True):
        for label, value in figures.items():
            # Fixed widths, so that nothing moves when a number grows.
            st.metric(label, value, width=330 if label.startswith("Neutral") else 135)


def _last(curves: pd.DataFrame, tag: str, form: str) -> str:
    points = curve(curves, tag)
    return form.format(points["value"].iloc[-1]) if len(points) else "–"


def show_charts(run: Run, drawn: Drawn) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        what_is("loss", "neutral called positive", "gradient norm", "confidence interval")
        if run.active:
            st.toggle("Pause the charts", key=f"pause-{run.id}", help="Keeps them still, for zooming and reading.")
    left, right = st.columns([3, 2])
    with left:
        show_chart(drawn.loss, _loss_caption(run, drawn.curves), key=f"loss-{run.id}")
    with right:
        show_chart(drawn.share, _neutral_caption(run, drawn.neutral), key=f"neutral-{run.id}")
    for column, (tag, figure) in zip(st.columns(len(SMALL_TAGS)), drawn.small.items(), strict=True):
        column.plotly_chart(figure, key=f"{tag}-{run.id}", config={"displayModeBar": False})
    st.caption("Learning rate, gradient norm before clipping, and tokens trained a second, at each logged step.")
    on_demand("The tables behind these charts", lambda: _tables(drawn), key=f"tables-{run.id}")
    if len(drawn.thinned) < len(drawn.curves):
        st.caption("Charts and tables show the lowest and highest point of each stretch; the files hold every point.")


def _loss_caption(run: Run, curves: pd.DataFrame) -> str:
    train, validation = curve(curves, "train/loss"), curve(curves, "eval/loss")
    if train.empty:
        return "0 points of training loss. The first one comes with the first training step."
    rows = f" (n = {run.splits['validation']:,} rows)" if "validation" in run.splits else ""
    return (
        f"{counted(len(train), 'point')} of training loss, last at step {train['step'].iloc[-1]:,}; "
        f"{len(validation):,} of validation loss{rows}. Lower is better."
    )


def _neutral_caption(run: Run, neutral: pd.DataFrame) -> str:
    if neutral.empty and run.parent:
        return (
            "Neutral validation texts that the model calls positive; known with the first evaluation. At step 0 it is "
            "the adapter of the run that it continues, whose answers to these texts are known only where that one was "
            "judged on them."
        )
    if neutral.empty:
        return "Neutral validation texts that the model calls positive; known once the baseline is scored."
    return (
        f"Share of neutral validation texts called positive (n = {neutral['n'].iloc[-1]:.0f}), with 95 % Wilson "
        f"intervals. {_STEP_0[neutral['of'].iloc[0]]}"
    )


def _tables(drawn: Drawn) -> None:
    tables = {
        "Loss at each logged step and each evaluation on the validation sample.": _wide(drawn.thinned, LOSS_TAGS),
        "Neutral called positive, with the ends of its 95 % Wilson interval.": drawn.neutral,
        "Learning rate, gradient norm and tokens a second.": _wide(drawn.thinned, SMALL_TAGS),
    }
    for name, (caption, table) in zip(("loss", "neutral", "optimizer"), tables.items(), strict=True):
        st.caption(caption)
        show_table(table, f"{name}-curve")


def _wide(curves: pd.DataFrame, tags: tuple[str, ...]) -> pd.DataFrame:
    points = curves[curves["tag"].isin(tags)]
    return points.pivot(index="step", columns="tag", values="value").reset_index()
