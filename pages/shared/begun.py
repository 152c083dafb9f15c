"""What a press begins and takes seconds or minutes: it goes on in a thread, and its outcome is told in any case.

Within a run of the page, something else that the visitor does meanwhile would end that run as soon as the work was
done, and nobody would learn what came of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from finsent.errors import FinsentError
from pages.shared.background import Work, show_work
from pages.shared.ui import show_error

#: Not a widget's key: it must outlive a change of page.
_BEGUN = "begun-works"


@dataclass
class Begun:
    """What a visitor's presses have begun, each under a key, until its outcome is forgotten or begun anew.

    An object of its own, to be had before the button is shown: between a press and its work nothing may look into
    Streamlit's session state, where the run may end.
    """

    works: dict[str, Work[Any]] = field(default_factory=dict)

    def begin(self, key: str, compute: Callable[[], Any]) -> None:
        """Compute in a thread, unless what the key stands for is being computed already."""
        if not self.busy(key):
            self.works[key] = Work(lambda report: compute(), long=False)

    def busy(self, key: str) -> bool:
        """Whether it is being computed."""
        return key in self.works and not self.works[key].ended

    def forget(self, key: str) -> None:
        """Let go of an outcome that the page has made use of."""
        self.works.pop(key, None)

    def outcome(self, key: str, words: str) -> Any | None:
        """Return the result of what was begun under a key, else None: show ``words`` meanwhile, or the user's error.

        An error stays until the same is begun again; one that is no user's is raised, once.
        """
        work = self.works.get(key)
        if work is None:
            return None
        if not work.ended:
            show_work(work, words)
            return None
        try:
            return work.result()
        except FinsentError as error:
            show_error(error)
            return None
        except Exception:
            self.forget(key)
            raise


def begun() -> Begun:
    """Return what this visitor's presses have begun."""
    if _BEGUN not in st.session_state:
        st.session_state[_BEGUN] = Begun()
    works: Begun = st.session_state[_BEGUN]
    return works
