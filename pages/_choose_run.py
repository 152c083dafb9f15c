"""Selectors of a run and of the rows it was judged on; a choice stands in the address, survives a refresh and links."""

from collections.abc import Callable

import streamlit as st

from finsent.judged import OWN, judged_sets
from finsent.runs import Run
from pages._ui import plain_markdown


def choose_run(runs: list[Run], usable: Callable[[Run], bool], label: str = "Run") -> Run:
    """Let the visitor choose one of some runs, at first the newest that is ``usable``; the others say their state."""
    titles = {run.id: f"{run.title} · {run.recipe.name} · {run.source_title or run.recipe.source}" for run in runs}
    titles |= {run.id: f"{titles[run.id]} · {run.state}" for run in runs if not usable(run)}
    newest = next((run.id for run in runs if usable(run)), runs[0].id)
    wanted = st.query_params.get("run", newest)
    if wanted not in titles:
        st.warning(f"There is no run “{plain_markdown(wanted)}” here; the newest one is shown.")
        wanted = newest
    chosen = st.selectbox(label, list(titles), index=list(titles).index(wanted), format_func=titles.get)
    if chosen != newest or "run" in st.query_params:
        st.query_params["run"] = chosen
    return next(run for run in runs if run.id == chosen)


def choose_rows(run: Run) -> str:
    """Let the visitor choose which judged rows to look at; a run judged on one set of rows only has no choice."""
    sets = judged_sets(run)
    if len(sets) < 2:
        return next(iter(sets), OWN)
    wanted = st.query_params.get("on", OWN)
    keys = list(sets)
    chosen = st.selectbox(
        "Rows", keys, index=keys.index(wanted) if wanted in sets else 0, format_func=sets.get, key=f"rows-of-{run.id}"
    )
    if chosen:
        st.query_params["on"] = chosen
    else:
        st.query_params.pop("on", None)
    return chosen
