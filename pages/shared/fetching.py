"""Fetching a model or data set of the hub from a page: a button, and its progress for every visitor who looks at it."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from finsent.cost.estimate import in_words
from finsent.errors import FinsentError
from finsent.fetches.record import Fetch, FetchState, Kind, read_fetch
from finsent.fetches.start import cancel_fetch, start_fetch
from finsent.sizes import size_words
from pages.shared.access import action
from pages.shared.pressed import fragment
from pages.shared.ui import plain_markdown, show_error

#: After so long without a byte the page says so.
_SILENT_SECONDS = 5.0


@dataclass(frozen=True)
class Offer:
    """What can be fetched: a model, or a part of a data set, by its name on the hub, and the command that does it."""

    name: str
    repository: str
    bytes: int
    command: str
    kind: Kind = "model"
    configuration: str = ""
    split: str = ""


def show_fetch(offer: Offer) -> None:
    """Offer to fetch what is not on this machine, or show how far that is; refreshed while it goes on."""
    fetch = read_fetch(offer.name, offer.kind)
    at_work = fetch is not None and fetch.at_work
    fragment(_view, run_every="1s" if at_work else None)(offer, at_work)


def _view(offer: Offer, was_at_work: bool) -> None:
    fetch = read_fetch(offer.name, offer.kind)
    if fetch is not None and fetch.at_work:
        _progress(fetch)
        if not fetch.is_here:
            st.caption(
                f"The machine {plain_markdown(fetch.host)}, which shares this one's folders, fetches it. It can be "
                "cancelled only there."
            )
        elif action(st.button, "Cancel", icon=":material/close:", key=f"cancel-{_key(offer)}", about=offer.name):
            _do(lambda: cancel_fetch(offer.name, offer.kind))
        return
    if was_at_work:
        st.rerun()
    _what_became(fetch)
    words = f"Fetch {plain_markdown(offer.repository)} ({size_words(offer.bytes)})"
    if action(st.button, words, icon=":material/download:", key=_key(offer), about=offer.name):
        _do(lambda: start_fetch(offer.name, offer.bytes, offer.kind, offer.configuration, offer.split))
    st.caption("Looking fetched nothing large. A run fetches what is missing, too, and so does the command:")
    st.code(offer.command, language=None, wrap_lines=True)


def _key(offer: Offer) -> str:
    return "fetch" if offer.kind == "model" else "fetch-data"


def _progress(fetch: Fetch) -> None:
    words = [f"{size_words(fetch.done)} of {size_words(fetch.total)}"]
    if fetch.rate:
        words.append(f"{size_words(fetch.rate)} a second")
    if fetch.seconds_left is not None:
        words.append(f"{in_words(fetch.seconds_left)} left")
    st.progress(fetch.share, text=", ".join(words))
    if fetch.silent_seconds > _SILENT_SECONDS:
        st.caption(f"Nothing has come for {in_words(fetch.silent_seconds)}. It is tried again by itself.")
    st.caption("It goes on by itself in a process of its own: close the browser, come back, and it is still here.")


def _what_became(fetch: Fetch | None) -> None:
    """Say why the last fetch is not whole, and that the next one goes on with it."""
    if fetch is None or fetch.state == FetchState.DONE:
        return
    if fetch.state == FetchState.FAILED:
        show_error(FinsentError(fetch.error))
    if fetch.done:
        why = "it was cancelled" if fetch.state == FetchState.CANCELLED else "that"
        came = f"{size_words(fetch.done)} of {size_words(fetch.total)} came before {why}"
        st.caption(f"{came}. Fetched again, it goes on there.")


def _do(change: Callable[[], object]) -> None:
    try:
        change()
    except FinsentError as error:
        show_error(error)
        return
    st.rerun()
