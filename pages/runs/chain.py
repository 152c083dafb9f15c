"""Part of Runs: the runs that a run continues, as one line of links."""

import streamlit as st

from finsent.runs.chain import chain_of
from finsent.runs.store import Run
from pages.shared import places
from pages.shared.opened import follow_numbered, numbered
from pages.shared.run_parts import safe_title
from pages.shared.runs_now import damaged_now, runs_now
from pages.shared.ui import plain_markdown

#: What an address of Runs says of the run that a link on the page itself opens.
_OPEN = "open"


def opened_by_link() -> list[str]:
    """Return the id of the run that a link on the page opens, if one was just followed; the address loses it."""
    opened = follow_numbered(_OPEN)
    return [] if opened is None else [opened]


def link_to(run_id: str) -> dict[str, str]:
    """Return what an address of Runs says for a run to be opened there."""
    return numbered(_OPEN, run_id)


def show_chain(run: Run) -> None:
    """Show the chain of runs that a run continues, each a link; nothing of a run that starts from the base model."""
    chain = chain_of(run, runs_now(), damaged_now())
    if len(chain) == 1:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("Continued:", width="content")
        for place, link in enumerate(chain):
            if place:
                st.markdown("→", width="content")
            if link.run is None:
                st.markdown(plain_markdown(link.words), width="content")
            else:
                st.page_link(
                    places.RUNS,
                    label=safe_title(link.run),
                    query_params=link_to(link.id),
                    help=f"Run {plain_markdown(link.id)}",
                )
