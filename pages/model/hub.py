"""A model on the hub, before anything large of it is fetched: what the hub says of it, one fact a sentence."""

import streamlit as st

from finsent.errors import FinsentError
from finsent.hub_ids import names_repository
from finsent.models.hub_facts import ModelFacts, model_facts, runs_here
from pages.shared.ui import plain_markdown, show_error


# Asked once for all visitors and kept for a minute, in which a branch hardly moves.
@st.cache_data(max_entries=24, ttl=60, show_spinner="Asking the hub about it …")
def _asked(model: str) -> tuple[ModelFacts, list[str]]:
    facts = model_facts(model)
    return facts, [] if facts.problems else runs_here(facts.name)


def show_hub_facts(model: str) -> None:
    """Show what the hub says of a model by its id, and whether it runs here; nothing for what is on this machine.

    Out of reach the hub's fault is one sentence, and the page goes on with what is in the cache. A model that finsent
    cannot use ends the page.
    """
    if not names_repository(model):
        return
    try:
        facts, runs = _asked(model)
    except FinsentError as error:
        show_error(error)
        return
    with st.container(border=True, key="hub-facts"):
        st.markdown("**On the model hub**")
        st.markdown("\n".join(f"- {plain_markdown(sentence)}" for sentence in [*facts.sentences, *runs]))
    if facts.problems:
        st.error(
            "Finsent cannot use this model, so nothing more of it is read. Choose another.", icon=":material/block:"
        )
        st.stop()
    if not facts.cached:
        st.caption("Nothing large was fetched for this. A run fetches the weights, and so does the command:")
        st.code(f"python -m finsent model {facts.name} --fetch", language=None, wrap_lines=True)
