"""A data set on the hub, before its rows are fetched: what the hub says of it, its parts with their sizes, Fetch."""

import shlex

import streamlit as st

from finsent.data.choices import Choices
from finsent.data.hub_reading import choose_part
from finsent.data.hub_set import HubSet, find_set, known_set, names_data_set
from finsent.errors import FinsentError
from finsent.fetches.record import read_fetch
from pages.shared.fetching import Offer, show_fetch
from pages.shared.ui import plain_markdown, show_error


# Asked once for all visitors and kept for a minute, as for models; so is what goes wrong.
@st.cache_data(max_entries=24, ttl=60, show_spinner="Asking the hub about it …")
def _asked(source: str) -> HubSet | str:
    """Return what the hub says, or else what went wrong in one sentence."""
    try:
        return find_set(source)
    except FinsentError as error:
        return str(error)


def data_are_here(source: str, choices: Choices) -> bool:
    """Show what the hub says of a data set that is not on this machine, and return whether it can be read now.

    Of a file or folder nothing is shown. Ask for it only where the visitor agreed to that (``may_read``).

    Raises:
        FinsentError: which part of it is meant has to be asked (see :func:`finsent.data.hub_reading.choose_part`).
    """
    if not names_data_set(source):
        return True
    try:
        found: HubSet | str = known_set(source) or _asked(source)
    except FinsentError as error:
        found = str(error)
    if isinstance(found, str):
        show_error(FinsentError(found))
        return False
    fetch = read_fetch(str(found.asked), "dataset")
    at_work = fetch is not None and fetch.at_work
    if not at_work and _is_here(found, choices):
        return True
    with st.container(border=True, key="hub-data"):
        st.markdown("**On the model hub**")
        st.markdown("\n".join(f"- {plain_markdown(sentence)}" for sentence in found.sentences))
    part = choose_part(found, choices)
    name = str(found.asked)
    words = ["python", "-m", "finsent", "data", "--source", name, "--configuration", part.configuration]
    command = shlex.join(words + (["--source-split", part.split] if part.split else []))
    show_fetch(Offer(name, found.repository, part.bytes, command, "dataset", part.configuration, part.split))
    return False


def _is_here(found: HubSet, choices: Choices) -> bool:
    try:
        return choose_part(found, choices).cached is not None
    except FinsentError:
        # Asked below what there is to choose from.
        return False
