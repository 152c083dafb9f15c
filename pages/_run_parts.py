"""What the pages about runs share: a state as words and colour, a run chosen by the address, its tables."""

import pandas as pd
import streamlit as st

from finsent.estimate import in_words
from finsent.history import read_comparison
from finsent.recipes import changed_fields
from finsent.runs import Run, RunState
from finsent.settings import show_value
from finsent.telemetry import CurveReader
from pages._ui import plain_markdown

STATE_COLORS = {
    RunState.DONE: "green",
    RunState.STOPPED: "orange",
    RunState.FAILED: "red",
    RunState.LOST: "red",
}
STATE_ICONS = {
    RunState.QUEUED: ":material/schedule:",
    RunState.DONE: ":material/check_circle:",
    RunState.STOPPED: ":material/stop_circle:",
    RunState.FAILED: ":material/error:",
    RunState.LOST: ":material/help:",
}


def state_badge(run: Run) -> None:
    """Show a run's state as a word with an icon and a colour."""
    st.badge(
        str(run.state),
        icon=STATE_ICONS.get(run.state, ":material/play_circle:"),
        color=STATE_COLORS.get(run.state, "blue"),
    )


def progress_words(run: Run) -> str:
    """Return how far a run is, for example ``training, 23 of 60 steps``."""
    if run.progress is None or not run.active:
        return str(run.state)
    return f"{run.state}, {run.progress.done:,} of {run.progress.total:,} {run.progress.unit}"


def outcome(run: Run) -> str | None:
    """Return a finished run's figures as a sentence (Markdown), or None while there are none."""
    figures = read_comparison(run)
    if figures is None:
        return None
    before, after = figures["baseline"], figures["tuned"]
    sentence = f"Accuracy {before['accuracy']:.1%} before, {after['accuracy']:.1%} after (n = {figures['n']} test rows)"
    if after["neutral_as_positive"] is not None:
        was, now = before["neutral_as_positive"], after["neutral_as_positive"]
        sentence += f"; neutral called positive {was:.1%} before, {now:.1%} after (n = {after['neutral_n']})"
    return sentence + "."


def took(run: Run) -> str:
    """Return how long a run took or has been going on, or "" before it started."""
    return "" if run.seconds is None else in_words(run.seconds)


def changes_table(run_recipe: object) -> pd.DataFrame:
    """Return where settings differ from their recipe, as text: setting, recipe's value, this value."""
    changed = changed_fields(run_recipe)
    rows = [(name, show_value(was), show_value(now)) for name, (was, now) in changed.items()]
    return pd.DataFrame(rows, columns=["setting", "recipe", "this run"])


@st.cache_resource(max_entries=16, show_spinner=False)
def curve_reader(folder: str) -> CurveReader:
    """Return the reader of a run's curves, kept between reruns so that each event is read once."""
    return CurveReader(folder)


def safe_title(run: Run) -> str:
    """Return a run's title for Markdown."""
    return plain_markdown(run.title)
