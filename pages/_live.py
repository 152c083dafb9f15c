"""A run while it goes on, and after: progress, curves, log, settings; refreshed every two seconds while active."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from finsent.charts_train import loss_figure, scalar_figure, share_figure, thin_curves
from finsent.errors import FinsentError, RunError
from finsent.estimate import Remaining, in_words, remaining
from finsent.history import provenance_table, settings_table
from finsent.launcher import end_now, resume, start_next, stop
from finsent.runs import Run, RunState, log_tail, read_run, stop_requested, waiting_runs
from finsent.telemetry import curve, neutral_called_positive
from pages._run_parts import curve_reader, outcome, safe_title, state_badge, took
from pages._ui import on_demand, plain_markdown, show_chart, what_is

STAGES = (RunState.PREPARING, RunState.BASELINE, RunState.TRAINING, RunState.EVALUATING)
STAGE_WORDS = {
    RunState.QUEUED: "Waiting for its worker to start",
    RunState.PREPARING: "Preparing: loading the data and the base model",
    RunState.BASELINE: "Baseline: scoring texts before fine-tuning",
    RunState.TRAINING: "Training",
    RunState.EVALUATING: "Evaluating: scoring the same texts after fine-tuning",
}
LOSS_TAGS = ("train/loss", "eval/loss")
SMALL_TAGS = ("train/learning_rate", "train/grad_norm", "train/tokens_per_second")


def show_run(run: Run) -> None:
    """Show a run; while it is active the view refreshes itself, and the page is run once more when it ends."""
    st.fragment(_view, run_every="2s" if run.active else None)(run.folder, run.active)


def _view(folder: Path, was_active: bool) -> None:
    try:
        run = read_run(folder)
    except RunError as error:
        st.error(plain_markdown(str(error)), icon=":material/error:")
        return
    if was_active and not run.active:
        st.rerun()
    if run.waiting and start_next(run.folder.parent) is not None:
        run = read_run(folder)
    with st.container(border=True):
        _head(run)
        curves = _curves(run)
        _progress(run, curves)
        drawn = _drawn(run, curves)
        _figures(run, drawn)
        _charts(run, drawn)
        _details(run)


def _head(run: Run) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(safe_title(run), anchor=False, width="content")
        state_badge(run)
        _actions(run)
    started = f"Started {run.started:%Y-%m-%d %H:%M} UTC, {took(run)}" if run.started else "Not started yet"
    estimated = f" (estimated {in_words(run.estimated_seconds)})" if run.estimated_seconds else ""
    ident = f"Run {run.id}, recipe" if run.name else "Recipe"
    st.caption(f"{ident} {run.recipe.name}. {started}{' so far' if run.active else ''}{estimated}.")
    _message(run)


def _message(run: Run) -> None:
    words = plain_markdown(run.error or "")
    match run.state:
        case RunState.DONE:
            early = f"Training ended early, at step {run.steps:,}. " if run.measured.get("ended_early") else ""
            st.success(f"**Done.** {early}{outcome(run) or ''}", icon=":material/check_circle:")
            st.page_link(
                "pages/compare.py",
                label="Compare baseline and fine-tuned",
                icon=":material/grid_on:",
                query_params={"run": run.id},
            )
        case RunState.STOPPED:
            st.warning(words or "Stopped.", icon=":material/stop_circle:")
        case RunState.FAILED | RunState.LOST:
            st.error(words, icon=":material/error:")


def _actions(run: Run) -> None:
    if run.active:
        _stop_button(run)
        return
    if run.resumable and st.button("Resume", icon=":material/resume:", key=f"resume-{run.id}"):
        with _told():
            resume(run)
            st.rerun()
    st.page_link(
        "pages/train.py", label="Duplicate with changes", icon=":material/content_copy:", query_params={"like": run.id}
    )


def _stop_button(run: Run) -> None:
    if stop_requested(run.folder):
        st.caption("Stopping: it ends after its present step or batch.")
        with st.popover("It does not stop", icon=":material/bolt:"):
            st.markdown("End its process at once? It can be resumed from its last checkpoint.")
            if st.button("Yes, end it", type="primary", key=f"end-{run.id}"):
                with _told():
                    end_now(run)
                    st.rerun()
        return
    with st.popover("Stop", icon=":material/stop_circle:"):
        st.markdown("Stop this run? What it has learned so far is saved, and it can be resumed.")
        if st.button("Yes, stop it", type="primary", key=f"stop-{run.id}"):
            with _told():
                stop(run)
                st.rerun(scope="fragment")


@contextmanager
def _told() -> Iterator[None]:
    """Show a user's error as one sentence and go on with the view."""
    try:
        yield
    except FinsentError as error:
        st.error(plain_markdown(str(error)), icon=":material/error:")


def _curves(run: Run) -> pd.DataFrame:
    """Return the run's curves, or those of the moment when the visitor paused the charts."""
    # Not a widget key: what was paused must outlive reruns of the fragment.
    held = st.session_state.setdefault("paused-curves", {})
    if run.active and st.session_state.get(f"pause-{run.id}"):
        return held.setdefault(run.id, curve_reader(str(run.folder)).refresh())
    held.pop(run.id, None)
    return curve_reader(str(run.folder)).refresh()


def _progress(run: Run, curves: pd.DataFrame) -> None:
    if not run.active:
        return
    words = STAGE_WORDS[run.state]
    if run.waiting:
        before = sum(other.queued_at < run.queued_at for other in waiting_runs(run.folder.parent))
        words = f"Waiting for its turn, {before} in the queue before it" if before else "Waiting for its turn, next"
    if run.state is RunState.TRAINING and run.recipe.soup > 1:
        words += f" adapter {_present_adapter(run)} of {run.recipe.soup} for the soup"
    if run.state in STAGES:
        words = f"Stage {STAGES.index(run.state) + 1} of {len(STAGES)}. {words}"
    if run.progress is None:
        st.progress(0.0, text=words)
        return
    share = min(1.0, run.progress.done / max(run.progress.total, 1))
    count = f"{run.progress.done:,} of {run.progress.total:,} {run.progress.unit}"
    st.progress(share, text=f"{words}: {count}{_time_left(remaining(run, curves))}")


def _present_adapter(run: Run) -> int:
    if run.progress is None:
        return 1
    own = max(run.progress.total // run.recipe.soup, 1)
    return min(run.progress.done // own + 1, run.recipe.soup)


def _time_left(left: Remaining | None) -> str:
    if left is None:
        return ""
    if left.low is None or left.high is None or in_words(left.low) == in_words(left.high):
        return f", about {in_words(left.seconds)} left"
    return f", about {in_words(left.seconds)} left ({in_words(left.low)} to {in_words(left.high)})"


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


def _drawn(run: Run, curves: pd.DataFrame) -> Drawn:
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


def _figures(run: Run, drawn: Drawn) -> None:
    neutral, curves = drawn.neutral, drawn.thinned
    n = f" (n = {neutral['n'].iloc[-1]:.0f})" if len(neutral) else ""
    figures = {
        "Step": f"{run.steps:,}",
        "Training loss": _last(curves, "train/loss", "{:.4f}"),
        "Validation loss": _last(curves, "eval/loss", "{:.4f}"),
        f"Neutral called positive{n}": f"{neutral['value'].iloc[-1]:.1%}" if len(neutral) else "–",
        "Tokens a second": _last(curves, "train/tokens_per_second", "{:,.0f}"),
    }
    with st.container(horizontal=True):
        for label, value in figures.items():
            # Fixed widths, so that nothing moves when a number grows.
            st.metric(label, value, width=225 if label.startswith("Neutral") else 135)


def _last(curves: pd.DataFrame, tag: str, form: str) -> str:
    points = curve(curves, tag)
    return form.format(points["value"].iloc[-1]) if len(points) else "–"


def _charts(run: Run, drawn: Drawn) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        what_is("loss", "neutral called positive", "gradient norm", "confidence interval")
        if run.active:
            st.toggle("Pause the charts", key=f"pause-{run.id}", help="Keeps them still, for zooming and reading.")
    left, right = st.columns([3, 2])
    with left:
        show_chart(drawn.loss, _loss_caption(run, drawn.curves), key=f"loss-{run.id}")
    with right:
        show_chart(drawn.share, _neutral_caption(drawn.neutral), key=f"neutral-{run.id}")
    for column, (tag, figure) in zip(st.columns(len(SMALL_TAGS)), drawn.small.items(), strict=True):
        column.plotly_chart(figure, key=f"{tag}-{run.id}", config={"displayModeBar": False})
    st.caption("Learning rate, gradient norm before clipping, and tokens trained a second, at each logged step.")
    on_demand("The tables behind these charts", lambda: _tables(drawn), key=f"tables-{run.id}")
    if len(drawn.thinned) < len(drawn.curves):
        st.caption("Charts and tables show the lowest and highest point of each stretch; the files hold every point.")


def _tables(drawn: Drawn) -> None:
    tables = {
        "Loss at each logged step and each look at the validation sample.": _wide(drawn.thinned, LOSS_TAGS),
        "Neutral called positive, with the ends of its 95 % Wilson interval.": drawn.neutral,
        "Learning rate, gradient norm and tokens a second.": _wide(drawn.thinned, SMALL_TAGS),
    }
    for caption, table in tables.items():
        st.caption(caption)
        st.dataframe(table, hide_index=True)


def _last_step(run: Run, curves: pd.DataFrame) -> int:
    if run.progress is not None and run.progress.unit == "steps":
        return run.progress.total
    return int(curves["step"].max()) if len(curves) else 1


def _wide(curves: pd.DataFrame, tags: tuple[str, ...]) -> pd.DataFrame:
    points = curves[curves["tag"].isin(tags)]
    return points.pivot(index="step", columns="tag", values="value").reset_index()


def _loss_caption(run: Run, curves: pd.DataFrame) -> str:
    train, validation = curve(curves, "train/loss"), curve(curves, "eval/loss")
    if train.empty:
        return "0 points of training loss. The first one comes with the first training step."
    rows = f" (n = {run.splits['validation']:,} rows)" if "validation" in run.splits else ""
    return (
        f"{len(train):,} points of training loss, last at step {train['step'].iloc[-1]:,}; "
        f"{len(validation):,} of validation loss{rows}. Lower is better."
    )


def _neutral_caption(neutral: pd.DataFrame) -> str:
    if neutral.empty:
        return "Neutral validation texts that the model calls positive; known once the baseline is scored."
    return (
        f"Share of neutral validation texts called positive (n = {neutral['n'].iloc[-1]:.0f}), with 95 % Wilson "
        "intervals. Step 0 is the base model."
    )


def _details(run: Run) -> None:
    on_demand("Log", lambda: _log(run), key=f"log-{run.id}", icon=":material/terminal:")
    on_demand("Settings of this run", lambda: _settings(run), key=f"settings-{run.id}", icon=":material/tune:")
    provenance = "Data, model, versions, hardware"
    on_demand(provenance, lambda: _provenance(run), key=f"provenance-{run.id}", icon=":material/fingerprint:")


def _log(run: Run) -> None:
    st.code(log_tail(run, lines=40) or "Nothing yet.", language=None, height=320)


def _settings(run: Run) -> None:
    st.dataframe(settings_table(run), hide_index=True)
    st.caption("Settings that differ from the recipe show the recipe's value beside them.")


def _provenance(run: Run) -> None:
    st.dataframe(provenance_table(run), hide_index=True)
