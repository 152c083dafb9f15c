"""What takes minutes, computed in a thread of the server while the page stays usable, with how far it is."""

from collections.abc import Callable
from contextlib import nullcontext
from threading import Lock, Thread
from time import monotonic
from typing import Generic, TypeVar

import streamlit as st

from finsent.cost.estimate import in_words
from pages.shared.pressed import fragment

#: Seconds that whoever begins a work waits for it: a small one needs no progress.
PATIENCE = 1.0
#: One work computes at a time: two would each take twice as long.
_ONE = Lock()
Result = TypeVar("Result")
#: Called with what is counted, how many are done and of how many.
Report = Callable[[str, int, int], None]


class Work(Generic[Result]):
    """A computation in a thread of its own; it goes on when nobody looks.

    ``compute`` is called with a :data:`Report`. One that is ``long`` waits for others that are.
    """

    def __init__(self, compute: Callable[[Report], Result], long: bool = True) -> None:
        self._compute = compute
        self._turn = _ONE if long else nullcontext()
        self._started = monotonic()
        self._result: list[Result] = []
        self._error: Exception | None = None
        self._begun = False
        self._progress = ("", 0, 0, monotonic())
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()
        self._thread.join(PATIENCE)

    @property
    def ended(self) -> bool:
        """Whether there is a result or an error."""
        return not self._thread.is_alive()

    @property
    def failed(self) -> bool:
        """Whether it has ended with an error, and may be tried again."""
        return self._error is not None

    def result(self) -> Result:
        """Return the result of a work that has ended; raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._result[0]

    @property
    def seconds(self) -> float:
        """Seconds since it was begun."""
        return monotonic() - self._started

    def progress(self) -> tuple[float, str]:
        """Return the share that is done, 0 to 1, and how far it is, in words."""
        what, done, total, since = self._progress
        if not what:
            return 0.0, "It begins …" if self._begun else "It begins once another one has ended …"
        words = f"{done:,} of {total:,} {what}"
        if not done or done == total:
            return done / max(total, 1), words
        left = (monotonic() - since) / done * (total - done)
        return done / total, f"{words}, about {in_words(left)} left for these"

    def _run(self) -> None:
        try:
            with self._turn:
                self._begun = True
                self._result = [self._compute(self._report)]
        except Exception as error:
            self._error = error

    def _report(self, what: str, done: int, total: int) -> None:
        before, *_, since = self._progress
        self._progress = (what, done, total, since if what == before else monotonic())


def show_work(work: Work[Result], words: str = "") -> None:
    """Show how far a work is, refreshed until it ends; then the page is shown anew.

    ``words`` say what goes on where the work itself doesn't say how far it is.
    """
    fragment(_watch, run_every="1s")(work, words)


def _watch(work: Work[Result], words: str) -> None:
    if work.ended:
        st.rerun()
    if words:
        st.caption(f":material/hourglass_top: {words} … {in_words(work.seconds)}")
        return
    share, progress = work.progress()
    st.progress(share, text=progress)
