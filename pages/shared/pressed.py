"""A press of a button, kept until the page has come to the button.

Streamlit tells a page of a press in one run only: where something else that the visitor does interrupts that run
before the page has come to the button, the press is lost. A call at the press comes before all else in a run, and so
keeps it. What is kept is the newest press alone, answered once, and by nothing but what the visitor pressed: a button
of the same key and words, about the same thing, on the same page, within seconds. A run of the page that comes to its
end without it lets it go.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from time import monotonic
from typing import Any, NamedTuple, NoReturn

import streamlit as st

#: Not a widget's key: it must outlive a run that is interrupted.
_PRESSES = "kept-press"
#: So many seconds after a press no other run answers it.
KEPT_SECONDS = 5.0
#: Whether this thread is within a run of the page or of a part of it.
_RUNNING: ContextVar[bool] = ContextVar("running", default=False)


class Button(NamedTuple):
    """Which button was pressed: on which page, by its key and words, about what."""

    page: str
    key: str
    label: str
    about: str


@dataclass
class Presses:
    """The page that a visitor is on, and the newest press that nothing has answered yet, with its time.

    An object of its own: every look into Streamlit's session state may end the run there, and a call at a press, or
    what takes the press, must not end halfway.
    """

    page: str = ""
    newest: tuple[Button, float] | None = None

    def keep(self, button: Button) -> None:
        """Keep a press, instead of an earlier one."""
        self.newest = (button, monotonic())

    def take(self, button: Button, pressed: bool, asked: bool) -> bool:
        """Return whether a button is to be answered: ``pressed`` in this run, or kept from one that was interrupted.

        A press of that key is forgotten then, also where ``asked`` is False: the button is not for this visitor now.
        """
        kept = self.newest
        if kept is None or kept[0].key != button.key:
            return pressed and asked
        self.newest = None
        # A press that came while the button was about something else is none of this button's.
        return asked and kept[0] == button and (pressed or monotonic() - kept[1] <= KEPT_SECONDS)


def presses() -> Presses:
    """Return what is kept of this visitor's presses."""
    if _PRESSES not in st.session_state:
        st.session_state[_PRESSES] = Presses()
    kept: Presses = st.session_state[_PRESSES]
    return kept


@contextmanager
def whole_run(page: str | None = None) -> Iterator[None]:
    """Let go of a press once what stands within has come to its end, which an interrupted run does not.

    ``page`` is the page that is shown from here on; a press on another one is let go at once. Within another of these,
    it is that one's end that counts.
    """
    if _RUNNING.get():
        yield
        return
    if page is not None:
        kept = presses()
        kept.page = page
        if kept.newest is not None and kept.newest[0].page != page:
            kept.newest = None
    token = _RUNNING.set(True)
    try:
        yield
    # What interrupts a run is no Exception.
    except Exception:
        presses().newest = None
        raise
    else:
        presses().newest = None
    finally:
        _RUNNING.reset(token)


def end_here() -> NoReturn:
    """End the run of the page here, as its own end: buttons further down are not shown."""
    presses().newest = None
    st.stop()


def fragment(view: Callable[..., None], run_every: str | None = None) -> Callable[..., None]:
    """Return a part of a page that runs by itself, as ``st.fragment`` does; its end lets go of a press, too."""

    @wraps(view)
    def whole(*args: Any) -> None:
        with whole_run():
            view(*args)

    return st.fragment(whole, run_every=run_every)
