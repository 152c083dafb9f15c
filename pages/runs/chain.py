"""Part of Runs: the runs that a run continues, as one line of links."""

import streamlit as st

from finsent.runs.chain import chain_of
from finsent.runs.store import Run
from pages.shared import places
from pages.shared.run_parts import safe_title
from pages.shared.runs_now import damaged_now, runs_now
from pages.shared.ui import plain_markdown

#: What an address of Runs says of the run that a link on the page itself opens, and the number of that link: the
#: browser may send it once more with a tick that was made meanwhile, and then it must not undo that.
_OPEN, _LINK = "open", "link"
#: Not a widget's key: the links that were followed.
_FOLLOWED = "chain-followed"


def opened_by_link() -> list[str]:
    """Return the id of the run that a link on the page opens, if one was just followed; the address loses it."""
    opened, number = st.query_params.pop(_OPEN, None), st.query_params.pop(_LINK, "")
    before = st.session_state.setdefault(_FOLLOWED, [])
    if opened is None or (opened, number) in before:
        return []
    before.append((opened, number))
    return [opened]


def link_to(run_id: str) -> dict[str, str]:
    """Return what an address of Runs says for a run to be opened there."""
    return {_OPEN: run_id, _LINK: str(len(st.session_state.get(_FOLLOWED, [])))}


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
