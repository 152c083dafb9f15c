"""What the visitor names to be read: a path on this machine, or the model hub.

Whoever makes a link chooses what its address says, and a click on it is no consent to reading a file. So what the
address asked for when it was opened is read after one more click, here.
"""

import re

import streamlit as st

from finsent.data.hub_set import may_name_data_set, names_data_set
from finsent.data.sources import EMBEDDED, HUB
from finsent.data.stored import find_stored
from finsent.errors import FinsentError, ModelNotFoundError, SourceNotFoundError
from finsent.files import check_within_roots
from finsent.hub_ids import looks_like_id, names_repository
from finsent.models.base import MODELS, QWEN3
from finsent.recipe import RECIPES
from pages.shared.access import only_looking
from pages.shared.ui import show_error

#: Not widgets' keys: they must outlive a change of page.
_LINK, _AGREED = "link-names-something-to-read", "agreed-to-read"
_TITLES = {"data": "data", "model": "base model"}
#: Parameters of an address that say, by themselves or by a recipe or a run, what is read.
_READS = re.compile(r"(.+-)?(data|model)|tokenizer|recipe|like|start")


def remember_link() -> None:
    """Keep whether the address named something to read when it was opened; what comes later was chosen on the pages."""
    if _LINK not in st.session_state:
        st.session_state[_LINK] = any(_READS.fullmatch(name) for name in st.query_params)


def chosen(key: str) -> None:
    """Take what the visitor chose in the widget of a key as agreed to; for ``on_change``, which no link sets off."""
    value = st.session_state[key]
    recipe = RECIPES.get(value)
    _agree({value, recipe.source, recipe.model} if recipe else {value})


def may_read(data: str = EMBEDDED, model: str = EMBEDDED) -> bool:
    """Whether data and a base model may be read now; otherwise show why not, or what the link asks for and a button.

    What is embedded may always be read.
    """
    asked = {what: value for what, value in {"data": data, "model": model}.items() if value != EMBEDDED}
    if not asked:
        return True
    if only_looking() is not None:
        st.info("Files of this machine and the model hub are read for who is signed in. Choose what is embedded.")
        return False
    # A file that a visitor brought lies in a place of the app's own, and holds what was brought there alone.
    asked = {what: value for what, value in asked.items() if what != "data" or find_stored(value) is None}
    linked = {what: value for what, value in asked.items() if value not in st.session_state.get(_AGREED, set())}
    if linked and st.session_state.get(_LINK):
        _ask(linked)
        return False
    try:
        for what, value in asked.items():
            _check(what, value)
    except FinsentError as error:
        show_error(error)
        return False
    return True


def _agree(values: set[str]) -> None:
    st.session_state[_AGREED] = st.session_state.get(_AGREED, set()) | values


def _ask(linked: dict[str, str]) -> None:
    with st.container(border=True):
        st.markdown("**The address that you opened asks to read something. Is that what you want?**")
        for what, value in linked.items():
            st.markdown(f"The {_TITLES[what]} {_where(what, value)}:")
            st.code(value, language=None, wrap_lines=True)
        # By a call, which counts even when the visitor changes something else before the page is drawn.
        st.button(
            "Yes, read it",
            icon=":material/check:",
            key=f"read-{'-'.join(linked)}",
            on_click=_agree,
            args=(set(linked.values()),),
        )


def _where(what: str, value: str) -> str:
    """Return where something asked for would be read, told by its name alone: nothing is looked at before a click."""
    hub = "from the model hub, which is asked over the network"
    if value in (HUB, QWEN3):
        return hub
    return f"{hub}, or from a folder of this name on this machine" if _may_be_id(what, value) else "on this machine"


def _may_be_id(what: str, value: str) -> bool:
    return may_name_data_set(value) if what == "data" else looks_like_id(value)


def _check(what: str, value: str) -> None:
    """Refuse a path outside the folders that the pages may read."""
    if value == HUB or value in MODELS or (names_data_set if what == "data" else names_repository)(value):
        return
    error = SourceNotFoundError if what == "data" else ModelNotFoundError
    check_within_roots(value, error, what)
