"""What a visitor may do: everything, or only look, where a password was set or other machines can reach the server.

Everything that changes something or costs the machine is a button of :func:`action` or an upload of :func:`open_file`.
They ask at the press, too: a disabled button is a matter of the browser, which may send the press all the same.
"""

from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit import config
from streamlit.runtime.uploaded_file_manager import UploadedFile

from finsent.errors import PasswordError
from finsent.passwords import Tries, is_hash
from pages.shared.pressed import Button, presses
from pages.shared.reach import open_to_others
from pages.shared.ui import show_error

#: Wrong passwords, of all visitors of this server.
TRIES = Tries()
#: Not a widget's key: it must outlive a change of page.
_SIGNED_IN = "signed-in-by"
_LOCKED = "Looking only: this is for who is signed in."
_MAKE_ONE = "Make a password with: python -m finsent password, and start the app again."


def only_looking() -> str | None:
    """Return why this visitor may only look, as a sentence, or None where everything may be done."""
    kept = kept_password()
    if kept is None:
        reach = open_to_others()
        return f"This app is open to other machines: {reach}, and no password is set. {_MAKE_ONE}" if reach else None
    if not is_hash(kept):
        return f"The password in .streamlit/secrets.toml cannot be used. {_MAKE_ONE}"
    return None if st.session_state.get(_SIGNED_IN) == kept else "Sign in to launch, stop, change or measure something."


def kept_password() -> str | None:
    """Return what stands for the password in secrets.toml; None where there is none, "" where it cannot be used."""
    try:
        if st.secrets.load_if_toml_exists():
            section = st.secrets.get("finsent", {})
            kept = section.get("password") if hasattr(section, "get") else ""
            return kept if kept is None or isinstance(kept, str) else ""
    except OSError:
        return ""
    # There is none, or one that cannot be parsed: then nothing may be done until it is mended.
    return "" if any(Path(file).exists() for file in config.get_option("secrets.files")) else None


def show_access() -> None:
    """Show why the visitor only looks, and the way in; nothing where there is no password and none is needed."""
    why = only_looking()
    kept = kept_password()
    if why is None:
        if kept:
            st.button("Sign out", icon=":material/logout:", key="sign-out", on_click=_sign_out)
    elif kept and is_hash(kept):
        with st.popover("Looking only: sign in", icon=":material/lock:"):
            _sign_in(kept, why)
    else:
        st.warning(f"**Looking only.** {why}", icon=":material/lock:")


def _sign_out() -> None:
    st.session_state.pop(_SIGNED_IN, None)


def _sign_in(kept: str, why: str) -> None:
    st.markdown(why)
    with st.form("sign-in", border=False, clear_on_submit=True):
        password = st.text_input("Password", type="password", autocomplete="current-password")
        if not st.form_submit_button("Sign in"):
            return
    try:
        right = TRIES.check(password, kept, _who())
    except PasswordError as error:
        show_error(error)
        return
    if right:
        st.session_state[_SIGNED_IN] = kept
        st.rerun()
    st.error("That is not the password.", icon=":material/error:")


def _who() -> str:
    """Return what wrong passwords are counted by: an address, of IPv6 its network, since one person has all of it."""
    try:
        address = ip_address(st.context.ip_address or "127.0.0.1")
    except ValueError:
        return "unknown"
    return str(address if address.version == 4 else ip_network((address, 64), strict=False))


def action(
    button: Callable[..., bool],
    label: str,
    *,
    key: str,
    about: str = "",
    disabled: bool = False,
    help: str | None = None,
    **options: Any,
) -> bool:
    """Show a button that changes something or costs the machine; return whether it was pressed by who may.

    ``button`` is ``st.button`` or ``form_submit_button``, and ``options`` are its own. A press is answered once, also
    where something interrupted the run before the page had come here (:mod:`pages.shared.pressed`). ``about`` is what
    the button changes, where the key does not say it: a press that was about something else is not answered.
    """
    locked = only_looking() is not None
    kept = presses()
    this = Button(kept.page, key, label, about)
    shown = {"disabled": disabled or locked, "help": _LOCKED if locked else help} | options
    pressed = button(label, key=key, on_click=kept.keep, args=(this,), **shown)
    return kept.take(this, pressed, asked=not disabled and not locked)


def open_file(label: str, **options: Any) -> UploadedFile | None:
    """Show an upload for who may; ``options`` are those of ``st.file_uploader``."""
    locked = only_looking() is not None
    upload = st.file_uploader(label, disabled=locked, **options)
    return None if locked else upload
