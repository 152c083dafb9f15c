"""The speed that each finished run has measured, read once."""

from datetime import datetime

import streamlit as st

from finsent.cost.speed import Speed, measured_speed
from finsent.runs.store import Run


def speed_of(run: Run) -> Speed | None:
    """Return the speed that a run measured, read off its curves once."""
    return _kept_speed(run, str(run.folder), run.ended)


# A finished run's curves are parsed once, not at each change of a form.
@st.cache_data(max_entries=64, show_spinner=False)
def _kept_speed(_run: Run, folder: str, ended: datetime | None) -> Speed | None:
    return measured_speed(_run)
