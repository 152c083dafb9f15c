"""What stands before the pages: whom the server answers, and what browsers may do with its answers.

A web page that somebody has open elsewhere must not reach the app through that person's browser. Streamlit checks the
names of its WebSocket alone (``server.allowedHosts``), and only where they are set; here they are checked for every
request, and are those of this machine itself where none are set. Documentation of the headers:
https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Content-Security-Policy/frame-ancestors
"""

from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config
from streamlit.file_util import get_static_dir

from pages.shared import places
from pages.shared.reach import LOOPBACK_NAMES, is_loopback

#: No page may show the app in a frame and have its visitor click what cannot be seen; no address of a page, which may
#: hold a path, is told to others; no answer is taken for another kind than it says.
HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
#: Tells a page where the server is: where its own files are. It would try each part of its address instead, and get a
#: 404 for the first two requests of every visit.
_WHERE = '<script>window.__streamlit = {BACKEND_BASE_URL: new URL(".", location.href).href}</script>'
_ADDRESSES = {"/"} | {f"/{Path(place).parent.name}" for place in places.OTHERS}
_TOUCH = Path(__file__).parent / "touch.js"
_ANY_ADDRESS = {"0.0.0.0", "::"}


class OwnVisitorsOnly:
    """Answer 403 to requests for another host and from pages of another origin, and add headers to the rest."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection (ASGI)."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] in {"http.response.start", "websocket.http.response.start"}:
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refusal = refused(Headers(scope=scope))
        answer = self.app if refusal is None else PlainTextResponse(refusal, 403)
        if refusal is None and scope.get("method") == "GET" and scope["path"] in _ADDRESSES:
            answer = HTMLResponse(_page(), headers={"Cache-Control": "no-cache"})
        await answer(scope, receive, send_with_headers)


@cache
def _page() -> str:
    """Return Streamlit's page, told where the server is, and what a finger on a chart means."""
    page = (Path(get_static_dir()) / "index.html").read_text(encoding="utf-8")
    touch = f"<script>{_TOUCH.read_text(encoding='utf-8')}</script>"
    return page.replace("<head>", f"<head>{_WHERE}{touch}", 1)


def refused(headers: Headers) -> str | None:
    """Return why a request with these headers is refused, in a sentence, or None.

    A request names the host that it is for; browsers name the origin of the page that it comes from, too, and neither
    can be changed by a page. A name of another host that leads here (DNS rebinding) is refused by the first, a page of
    another server by the second.
    """
    hosts, allowed = headers.getlist("host"), allowed_hosts()
    if len(hosts) != 1 or not _is_allowed(_host_name(hosts[0]), allowed):
        return (
            f"This app answers to the names {', '.join(allowed)} only. For another name, start it with "
            "--server.allowedHosts=NAME.\n"
        )
    origin = headers.get("origin")
    own = (f"http://{hosts[0]}", f"https://{hosts[0]}", *config.get_option("server.corsAllowedOrigins"))
    if origin is None or origin in own:
        return None
    return "This app answers its own pages only, no page of another server.\n"


def allowed_hosts() -> tuple[str, ...]:
    """Return the host names that the server answers to: those that were set, else this machine's own for itself.

    An address that was given to listen on is answered to as well; it is a number, which no name of another host is.
    """
    chosen = config.get_option("server.allowedHosts")
    if chosen:
        return tuple(chosen)
    address = config.get_option("server.address")
    given = address and not is_loopback(address) and address not in _ANY_ADDRESS
    return (*LOOPBACK_NAMES, address) if given else LOOPBACK_NAMES


def _host_name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_allowed(name: str, allowed: tuple[str, ...]) -> bool:
    patterns = [one.strip().lower().rstrip(".") for one in allowed]
    return bool(name) and any(
        pattern in ("*", name) or (pattern.startswith("*.") and name.endswith(pattern[1:])) for pattern in patterns
    )
