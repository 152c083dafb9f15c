"""Selectors of a run and of the rows it was judged on; a choice stands in the address, survives a refresh and links.

One run is chosen for all pages: a visitor who chose one, here, in a list or by a link, finds it on the next page. Where
nobody has chosen, the pinned run is shown, else the best; see :mod:`finsent.runs.chosen`.
"""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from finsent.errors import RunError
from finsent.runs.chosen import Chosen, Standing, choose, pin, pinned_id, standing, unpin
from finsent.runs.evaluated_sets import OWN, judged_sets
from finsent.runs.store import Run, default_runs_dir
from pages.shared.access import action
from pages.shared.lasting import hold
from pages.shared.opened import followed, say_in_address
from pages.shared.run_parts import safe_title
from pages.shared.runs_now import named_run
from pages.shared.ui import choose_one, plain_markdown, user_errors

# Not widgets' keys: they must outlive a change of page.
_CHOSEN, _ROWS = "chosen-run", "chosen-rows"
_PIN_HELP = "Makes this run the one that every page and command takes where nobody chose another."
_UNPIN_HELP = (
    "Then the best run on its validation rows is taken where nobody chose another. One that continues another run on a "
    "repair set or corrections stands back."
)
_CLASSES = {3: "three", 5: "five"}


def choose_run(runs: list[Run], usable: Callable[[Run], bool], label: str = "Run") -> Run:
    """Let the visitor choose one of some runs (newest first); those that are not ``usable`` say their state.

    Shown at first is the run that the address names, else the one chosen on another page, else the pinned one or the
    best, see :func:`run_by_default`.
    """
    default = run_by_default(runs, usable)
    standard = default.run if default else next((run for run in runs if usable(run)), runs[0])
    wanted = _asked_for(runs) or carried_run(runs, usable) or standard
    titles = {run.id: run.label + ("" if usable(run) else f" · {run.state}") for run in runs}
    key = f"choose-{label}"
    hold(key, wanted.id)
    with st.container(horizontal=True, vertical_alignment="bottom", key="run-choice"):
        names = list(titles)
        at = names.index(wanted.id)
        chosen = st.selectbox(
            label, names, index=at, format_func=titles.__getitem__, key=key, on_change=_picked, args=(key,)
        )
        run = next((run for run in runs if run.id == chosen), wanted)
        pin_button(run)
    if run.id != standard.id or "run" in st.query_params:
        st.query_params["run"] = run.id
    return run


def remember_run(run_id: str) -> None:
    """Let a run be the one that the other pages show."""
    st.session_state[_CHOSEN] = run_id


def carried_run(runs: list[Run], usable: Callable[[Run], bool]) -> Run | None:
    """Return the run that was chosen on another page; where it cannot be shown here a line says so."""
    run = next((run for run in runs if run.id == st.session_state.get(_CHOSEN)), None)
    if run is not None and not usable(run):
        st.caption(f"{safe_title(run)}, chosen before, is {run.state} and has nothing to show here.")
        return None
    return run


def run_by_default(runs: list[Run], usable: Callable[[Run], bool] = lambda run: run.has_comparison) -> Chosen | None:
    """Return the run that is shown where nobody has chosen one, and why it is this one."""
    return choose(runs, default_runs_dir(), usable, _standing_of)


def pin_button(run: Run) -> None:
    """Offer to pin a run, or to take its pin away."""
    if not (run.has_adapter or run.has_comparison):
        return
    pinned = pinned_id(default_runs_dir()) == run.id
    words, help_, icon = (
        ("Unpin", _UNPIN_HELP, ":material/keep_off:") if pinned else ("Pin", _PIN_HELP, ":material/keep:")
    )
    if action(st.button, words, icon=icon, help=help_, key=f"pin-{run.id}"):
        with user_errors():
            if pinned:
                unpin(default_runs_dir())
            else:
                pin(run)
        st.rerun()


def _standing_of(run: Run) -> Standing | None:
    written = [_changed(file) for file in (run.evaluation_file, run.predictions_file("tuned"))]
    return _kept_standing(run, str(run.folder), run.state, run.warning, *written)


# The figures of a finished run are read once, not with each page.
@st.cache_data(max_entries=256, show_spinner=False)
def _kept_standing(_run: Run, folder: str, state: str, warning: str | None, *written: int) -> Standing | None:
    return standing(_run)


def _changed(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _picked(key: str) -> None:
    remember_run(st.session_state[key])
    st.query_params["run"] = st.session_state[key]


def _asked_for(runs: list[Run]) -> Run | None:
    """Return the run that the address asks for, if it is one of these; say so if it is not."""
    words = st.query_params.get("run")
    if words is None:
        return None
    try:
        wanted = named_run(words).id
    except RunError as error:
        st.warning(f"{plain_markdown(str(error))} Another one is shown.")
        return None
    run = next((run for run in runs if run.id == wanted), None)
    if run is None:
        st.warning(f"Run “{plain_markdown(words)}” cannot be shown here; another one is.")
        return None
    remember_run(run.id)
    return run


def choose_classes(key: str) -> int:
    """Let the visitor choose whether labels are told apart as three or as five; return how many.

    The choice stands in the address, under ``key``.
    """
    return choose_one("Labels", _CLASSES, 3, key)


def choose_rows(run: Run) -> str:
    """Let the visitor choose which judged rows to look at; a run judged on one set of rows only has no choice."""
    return choose_set(judged_sets(run), f"rows-of-{run.id}")


def choose_set(sets: dict[str, str], key: str) -> str:
    """Let the visitor choose one of some sets of judged rows (names by key); there is no choice of fewer than two."""
    if len(sets) < 2:
        return next(iter(sets), OWN)
    wanted = next(iter(followed("on")), st.session_state.get(_ROWS, OWN))
    keys = list(sets)
    at = keys.index(wanted) if wanted in sets else 0
    chosen = st.selectbox("Rows", keys, index=at, format_func=sets.__getitem__, key=key)
    st.session_state[_ROWS] = chosen
    say_in_address("on", [chosen])
    return chosen
