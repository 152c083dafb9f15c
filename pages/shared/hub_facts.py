"""A model on the hub, before anything large of it is fetched: what the hub says of it, one fact a sentence."""

from dataclasses import replace

import streamlit as st

from finsent.errors import FinsentError, ModelNotFoundError
from finsent.fetches.record import read_fetch
from finsent.hub import QWEN3_MODEL, QWEN3_REPOSITORY, hub_answers, model_files, tokenizer_files
from finsent.hub_ids import HubId, names_repository, parse_id
from finsent.models.base import QWEN3
from finsent.models.hub_facts import ModelFacts, model_facts, runs_here
from pages.shared.fetching import Offer, show_fetch
from pages.shared.ui import plain_markdown, show_error


# Asked once for all visitors and kept for a minute, in which a branch hardly moves; so is what goes wrong, or every
# change on the page would wait again for a hub that does not answer.
@st.cache_data(max_entries=24, ttl=60, show_spinner="Asking the hub about it …")
def _asked(model: str) -> tuple[ModelFacts, list[str]] | str:
    """Return the facts, and whether it runs here in sentences; or else what went wrong in one."""
    try:
        facts = model_facts(model)
        return facts, [] if facts.problems else runs_here(facts.name)
    except FinsentError as error:
        return str(error)


def _is_here(model: str) -> bool:
    """Whether its configuration is in the cache, so that it can be counted without the hub."""
    try:
        return tokenizer_files(parse_id(model, ModelNotFoundError, "model")).cached is not None
    except FinsentError:
        return False


def show_model_facts(model: str) -> bool:
    """As :func:`show_hub_facts`, for a model by any of its names."""
    # Where the hub does not answer, the tutorial's model says so itself when it is needed.
    tutorials = model == QWEN3 and QWEN3_MODEL.cached is None and hub_answers()
    return show_hub_facts(QWEN3_REPOSITORY if tutorials else model)


def show_hub_facts(model: str) -> bool:
    """Show what the hub says of a model by its id, and whether it runs here; nothing for what is on this machine.

    Return whether the model can be gone on with. It cannot where finsent cannot use it, nor where the hub does not
    give it and nothing of it is in the cache. Ask for it only where the visitor agreed to that (``may_read``).
    """
    if not names_repository(model):
        return True
    said = _asked(model)
    if isinstance(said, str):
        if _is_here(model):
            st.caption(f":material/cloud_off: {plain_markdown(said)} What is in this machine's cache is used.")
            return True
        show_error(FinsentError(said))
        return False
    facts, runs = said
    # It may have been fetched since the hub was asked; while that goes on, not all of it need be there.
    fetch = read_fetch(str(facts.asked))
    here = model_files(HubId(facts.repository, facts.commit)).cached is not None
    facts = replace(facts, cached=here and not (fetch is not None and fetch.at_work))
    with st.container(border=True, key="hub-facts"):
        st.markdown("**On the model hub**")
        st.markdown("\n".join(f"- {plain_markdown(sentence)}" for sentence in [*facts.sentences, *runs]))
    if facts.problems:
        st.error(
            "Finsent cannot use this model, so nothing more of it is read. Choose another.", icon=":material/block:"
        )
        return False
    if not facts.cached:
        command = f"python -m finsent model {facts.name} --fetch"
        show_fetch(Offer(str(facts.asked), facts.repository, facts.fetch_bytes, command))
    return True
