"""The badge of the active run, on every page: it keeps up by itself, and the end of a run is announced."""

from pathlib import Path

import streamlit as st

from finsent.errors import RunError
from finsent.runs.names import shortened
from finsent.runs.store import Run, default_runs_dir, load_run, read_run
from pages.shared import places
from pages.shared.pressed import fragment
from pages.shared.run_parts import STATE_ICONS, safe_title
from pages.shared.time_left import when_done
from pages.shared.ui import plain_markdown

# Not a widget's key: it must outlive a change of page.
_WATCHED = "watched-run"
_LONGEST = 30


def active_run_badge(run: Run | None) -> None:
    """Show the active run as a link to its page, refreshed every two seconds; announce the one that was it before."""
    watched = st.session_state.get(_WATCHED)
    if watched and (run is None or run.id != watched):
        _announce(watched)
    st.session_state[_WATCHED] = run.id if run else None
    if run is not None:
        fragment(_badge, run_every="2s")(run.folder)


def _badge(folder: Path) -> None:
    try:
        run = read_run(folder)
    except RunError:
        return
    if not run.active:
        st.rerun()
    # So short that it is not cut off beside what stands before it.
    name = shortened(run.title, _LONGEST)
    st.page_link(
        places.TRAIN,
        label=f"{str(run.state).capitalize()}, {when_done(run) or 'time not known yet'}: {plain_markdown(name)}",
        icon=":material/play_circle:",
        query_params={"run": run.id},
    )


def _announce(run_id: str) -> None:
    try:
        run = load_run(default_runs_dir(), run_id)
    except RunError:
        return
    icon = STATE_ICONS.get(run.state, ":material/flag:")
    st.toast(f"Run {safe_title(run)} has ended: {run.state}.", icon=icon, duration="long")
