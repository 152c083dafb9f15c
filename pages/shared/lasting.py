"""Choices that outlast a change of page: kept under keys that are no widget's, and shown by widgets.

Streamlit forgets what a widget holds as soon as a page without it is shown. What should last is therefore kept apart,
and the widget is told to show it; its ``on_change`` writes back what the visitor chooses. Widgets with
``bind="query-params"`` need none of this: Streamlit keeps those, in the address and for the visit.
"""

from typing import Any

import streamlit as st

_NOTHING = object()


def hold(key: str, value: Any) -> None:
    """Let the widget of a key show a value; call it before the widget, and give that the value as its default, too.

    A browser that never got what was set here, since the next change came first, shows the default, and sends it back.
    """
    # Set only where it differs: what is set goes to the browser, over what is being typed there.
    if st.session_state.get(key, _NOTHING) != value:
        st.session_state[key] = value
