"""What the pages about runs share: a state as words and colour, a run chosen by the address, its tables."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import pandas as pd
import streamlit as st

from finsent.cost.estimate import in_words
from finsent.errors import FinsentError
from finsent.evaluation.in_proportion import run_verdict
from finsent.metrics.figures import Comparison, Interval
from finsent.metrics.verdict import Verdict
from finsent.metrics.wording import points
from finsent.recipe import Recipe, changed_fields
from finsent.recipe_form import show_value
from finsent.runs.curves import CurveReader
from finsent.runs.flags import flags_written
from finsent.runs.history import read_comparison
from finsent.runs.removed import removed_words
from finsent.runs.signs import elsewhere
from finsent.runs.store import Run, RunState
from pages.shared.time_left import when_done
from pages.shared.ui import plain_markdown
from pages.shared.verdict import show_verdict

STATE_COLORS: dict[RunState, Literal["green", "orange", "red", "blue"]] = {
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


def show_remarks(run: Run) -> None:
    """Show on which other machine a run is at work, its warning, and settings that finsent no longer has, if any."""
    if words := elsewhere(run):
        st.caption(f":material/lan: {plain_markdown(words[:1].upper() + words[1:])}.")
    if run.warning:
        st.warning(plain_markdown(run.warning), icon=":material/warning:")
    if run.removed_settings:
        words = f"From an older version, with settings that finsent no longer has: {removed_words(run)}."
        st.caption(plain_markdown(words))


def progress_words(run: Run) -> str:
    """Return how far a run is, for example ``training, 23 of 60 steps, done at about 14:32, 2 min left`` (Markdown)."""
    words = [str(run.state)]
    if run.progress is not None and run.active:
        words.append(f"{run.progress.done:,} of {run.progress.total:,} {plain_markdown(run.progress.unit)}")
    return ", ".join([*words, *filter(None, [when_done(run)])])


def show_outcome(run: Run) -> None:
    """Show the verdict on a finished run in short, or what is wrong with its figures; nothing before there are some.

    Figures whose predictions are gone are shown by themselves.
    """
    try:
        figures = read_comparison(run)
        verdict = None
        if figures and run.has_comparison:
            written = run.predictions_file("tuned").stat().st_mtime_ns
            verdict = _verdict(run, (str(run.folder), written, flags_written(run)))
    except FinsentError as error:
        st.markdown(plain_markdown(str(error)))
        return
    if verdict is not None:
        show_verdict(verdict, brief=True)
    elif figures is not None:
        st.markdown(plain_markdown(_figures_alone(figures)))


@st.cache_data(max_entries=64, show_spinner="Weighing what got better and what got worse …")
def _verdict(_run: Run, key: tuple[str, int, int]) -> Verdict:
    return run_verdict(_run)


def _figures_alone(figures: Comparison) -> str:
    before, after = figures.baseline, figures.tuned
    sentence = f"Accuracy {before.accuracy:.1%} before, {after.accuracy:.1%} after (n = {figures.n} test rows)"
    was, now = before.neutral_as_positive, after.neutral_as_positive
    if was is not None and now is not None:
        sentence += f"; neutral called positive {was:.1%} before, {now:.1%} after (n = {after.neutral_n})"
    return f"{sentence}: {points(figures.accuracy_difference, '95 % interval')} in accuracy."


def known_figures(models: Iterable[tuple[float | None, Interval | None]]) -> list[tuple[float, Interval]]:
    """Return figures of models on the same rows with their intervals; none where there is no row that they are over."""
    return [(value, interval) for value, interval in models if value is not None and interval is not None]


def took(run: Run) -> str:
    """Return how long a run took or has been going on, or "" before it started."""
    return "" if run.seconds is None else in_words(run.seconds)


def changes_table(recipe: Recipe) -> pd.DataFrame:
    """Return where settings differ from their recipe, as text: setting, recipe's value, this value."""
    changed = changed_fields(recipe)
    rows = [(name, show_value(was), show_value(now)) for name, (was, now) in changed.items()]
    return pd.DataFrame(rows, columns=["setting", "recipe", "this run"])


@st.cache_resource(max_entries=16, show_spinner=False)
def curve_reader(folder: str) -> CurveReader:
    """Return the reader of a run's curves, kept between reruns so that each event is read once."""
    return CurveReader(Path(folder))


def safe_title(run: Run) -> str:
    """Return a run's title for Markdown."""
    return plain_markdown(run.title)
