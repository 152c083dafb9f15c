"""A run while it goes on, and after: progress, curves, log, settings; refreshed every two seconds while active."""

from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
import streamlit as st

from finsent.cost.estimate import in_words
from finsent.errors import FinsentError, RunError
from finsent.runs.history import provenance_table, settings_table
from finsent.runs.queue import end_now, resume, start_next, stop
from finsent.runs.store import Run, RunState, log_tail, read_run, stop_requested
from pages.shared import places
from pages.shared.access import action
from pages.shared.pressed import fragment
from pages.shared.run_parts import curve_reader, safe_title, show_outcome, show_remarks, state_badge, took
from pages.shared.time_left import show_time_left, turn_words
from pages.shared.ui import on_demand, plain_markdown, show_error, show_table
from pages.train.charts import draw, show_charts, show_figures


def show_run(run: Run) -> None:
    """Show a run; while it is active the view refreshes itself, and the page is run once more when it ends."""
    fragment(_view, run_every="2s" if run.active else None)(run, run.active)


def _view(run: Run, was_active: bool) -> None:
    try:
        # A run that has ended stays as it is.
        run = read_run(run.folder) if run.active else run
    except RunError as error:
        show_error(error)
        return
    if was_active and not run.active:
        st.rerun()
    if run.waiting and start_next(run.folder.parent) is not None:
        run = read_run(run.folder)
    with st.container(border=True):
        _head(run)
        curves = _curves(run)
        _progress(run)
        drawn = draw(run, curves)
        show_figures(run, drawn)
        show_charts(run, drawn)
        _details(run)


def _head(run: Run) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(safe_title(run), anchor=False, width="content")
        state_badge(run)
        _actions(run)
    so_far = " so far" if run.active else ""
    started = f"Started {run.started:%Y-%m-%d %H:%M} UTC, {took(run)}{so_far}" if run.started else "Not started yet"
    estimated = f" (estimated {in_words(run.estimated_seconds)})" if run.estimated_seconds else ""
    st.caption(f"Run {plain_markdown(run.id)}, recipe {plain_markdown(run.recipe.name)}. {started}{estimated}.")
    show_remarks(run)
    _message(run)


def _message(run: Run) -> None:
    words = plain_markdown(run.error or "")
    match run.state:
        case RunState.DONE:
            show_outcome(run)
            st.page_link(
                places.COMPARE,
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
    if run.resumable and action(st.button, "Resume", icon=":material/resume:", key=f"resume-{run.id}"):
        with _told():
            resume(run)
            st.rerun()
    st.page_link(
        places.TRAIN,
        label="Duplicate with changes",
        icon=":material/content_copy:",
        query_params={"like": run.id},
    )


def _stop_button(run: Run) -> None:
    if stop_requested(run.folder):
        st.caption("Stopping: it ends after its present step or batch.")
        with st.popover("It does not stop", icon=":material/bolt:"):
            st.markdown("End its process at once? It can be resumed from its last checkpoint.")
            if action(st.button, "Yes, end it", type="primary", key=f"end-{run.id}"):
                with _told():
                    end_now(run)
                    st.rerun()
        return
    with st.popover("Stop", icon=":material/stop_circle:"):
        st.markdown("Stop this run? What it has learned so far is saved, and it can be resumed.")
        if action(st.button, "Yes, stop it", type="primary", key=f"stop-{run.id}"):
            with _told():
                stop(run)
                st.rerun(scope="fragment")


@contextmanager
def _told() -> Iterator[None]:
    """Show a user's error as one sentence and go on with the view."""
    try:
        yield
    except FinsentError as error:
        show_error(error)


def _curves(run: Run) -> pd.DataFrame:
    """Return the run's curves, or those of the moment when the visitor paused the charts."""
    # Not a widget key: what was paused must outlive reruns of the fragment.
    held: dict[str, pd.DataFrame] = st.session_state.setdefault("paused-curves", {})
    if run.active and st.session_state.get(f"pause-{run.id}"):
        return held.setdefault(run.id, curve_reader(str(run.folder)).refresh())
    held.pop(run.id, None)
    return curve_reader(str(run.folder)).refresh()


def _progress(run: Run) -> None:
    if run.waiting:
        st.progress(0.0, text=f"Waiting for its turn, {turn_words(run)}")
    elif run.active:
        show_time_left(run)


def _details(run: Run) -> None:
    on_demand("Log", lambda: _log(run), key=f"log-{run.id}", icon=":material/terminal:")
    on_demand("Settings of this run", lambda: _settings(run), key=f"settings-{run.id}", icon=":material/tune:")
    provenance = "Data, model, versions, hardware"
    on_demand(provenance, lambda: _provenance(run), key=f"provenance-{run.id}", icon=":material/fingerprint:")


def _log(run: Run) -> None:
    st.code(log_tail(run, lines=40) or "Nothing yet.", language=None, height=320)


def _settings(run: Run) -> None:
    show_table(settings_table(run), f"settings-{run.id}")
    st.caption("Settings that differ from the recipe show the recipe's value beside them.")


def _provenance(run: Run) -> None:
    show_table(provenance_table(run), f"provenance-{run.id}")
