"""A base model reads texts, in a process of its own: how long that takes, the button that starts it, how far it is."""

import streamlit as st

from finsent.cost.estimate import in_words
from finsent.errors import FinsentError
from finsent.evaluation.states_work import StatesWork, cancel_states, estimated_seconds, start_states, states_work
from finsent.evaluation.text_states import ModelReading
from finsent.runs.cores import cores_left_by
from finsent.runs.store import default_runs_dir
from pages.shared.access import action
from pages.shared.pressed import fragment
from pages.shared.runs_now import runs_now
from pages.shared.ui import plain_markdown, show_error


def show_reading(reading: ModelReading, of: int, damaged: str = "") -> None:
    """Show the work that goes on, or offer to start it.

    ``of`` texts those of the reading are drawn from; ``damaged`` is what is wrong with the states that were kept.
    """
    work = states_work(default_runs_dir())
    if work is not None and work.alive:
        fragment(_watch, run_every="2s")(reading)
        return
    if damaged:
        words = f"What was kept of these texts is not used: {damaged}. It has to be computed again."
        st.warning(plain_markdown(words), icon=":material/warning:")
    if work is not None and work.error and work.is_of(reading):
        st.error(plain_markdown(work.error), icon=":material/error:")
    drawn = "" if len(reading.texts) == of else f" of {of:,}, drawn with a seed,"
    seconds = estimated_seconds(reading, runs_now(), default_runs_dir())
    takes = "How long that takes, its first texts tell" if seconds is None else f"That takes about {in_words(seconds)}"
    st.markdown(
        f"The model has to read {len(reading.texts):,} texts{drawn} once, in a process of its own that goes on when "
        f"you leave. {takes}."
    )
    if beside := cores_left_by(runs_now()).words:
        st.caption(beside)
    # Which texts these are changes with the run, the data and the model that are chosen.
    about = f"{reading.model} {reading.texts_hash}"
    if action(
        st.button, "Let it read them", type="primary", icon=":material/play_arrow:", key="map-start", about=about
    ):
        try:
            start_states(reading, default_runs_dir())
        except FinsentError as error:
            show_error(error)
            return
        st.rerun()


def _watch(reading: ModelReading) -> None:
    """Show how far the work is, and the page anew once it has ended."""
    work = states_work(default_runs_dir())
    if work is None or not work.alive:
        st.rerun()
    if not work.is_of(reading):
        st.markdown("A model reads other texts now. One works at a time.")
    st.progress(work.done / max(work.total, 1), text=_progress_words(work))
    if action(st.button, "Cancel", icon=":material/stop_circle:", key="map-cancel"):
        try:
            cancel_states(default_runs_dir())
        except FinsentError as error:
            show_error(error)
            return
        st.rerun()


def _progress_words(work: StatesWork) -> str:
    if not work.total:
        return f"Loading the model to read {work.n:,} texts …"
    left = work.seconds_left
    words = f"{work.done:,} of {work.total:,} tokens of {work.n:,} texts"
    return words if left is None else f"{words}, about {in_words(left)} left"
