"""The runs as one rerun of the app sees them: read once, before the page, and handed on to it."""

import streamlit as st

from finsent.errors import DiskFullError
from finsent.runs.deletion import finish_deletions
from finsent.runs.find import find_folder
from finsent.runs.queue import start_next
from finsent.runs.room import check_room
from finsent.runs.store import DamagedRun, Run, all_runs, at_work, default_runs_dir, read_run, waiting
from pages.shared.ui import plain_markdown

# Not a widget's key: it must outlive a change of page.
_HANDED_ON = "runs-now"
_DAMAGED = "damaged-now"


def read_runs() -> list[Run]:
    """Read all runs, newest first, for this rerun; the one that waits is started if its turn has come.

    What an interrupted deletion has left goes first.
    """
    finish_deletions(default_runs_dir())
    runs, damaged = all_runs(default_runs_dir())
    if waiting(runs) and at_work(runs) is None:
        start_next(default_runs_dir())
        runs, damaged = all_runs(default_runs_dir())
    st.session_state[_HANDED_ON] = runs
    st.session_state[_DAMAGED] = damaged
    return runs


def runs_now() -> list[Run]:
    """Return the runs that :func:`read_runs` found. A fragment that runs alone must read for itself."""
    runs: list[Run] = st.session_state[_HANDED_ON]
    return runs


def damaged_now() -> list[DamagedRun]:
    """Return the runs whose record :func:`read_runs` could not use."""
    damaged: list[DamagedRun] = st.session_state[_DAMAGED]
    return damaged


def show_room() -> None:
    """Say so where the folder of runs takes no more: no run can be launched, and none that waits is started."""
    try:
        check_room(default_runs_dir())
    except DiskFullError as error:
        words = f"{error} Until then no run is launched, and those that wait are not started."
        st.warning(plain_markdown(words), icon=":material/disc_full:")


def named_run(words: str) -> Run:
    """Return the run that words mean (see :func:`finsent.runs.find.find_run`, which says what is raised).

    The words may come from a link, so a path is not followed.
    """
    folder = find_folder(default_runs_dir(), words, paths=False)
    return next((run for run in runs_now() if run.folder == folder), None) or read_run(folder)
