"""What the server answers to strangers: a real one is started, and asked as a browser would that somebody misuses."""

import base64
import os
import socket
from http.client import HTTPConnection

import pytest
from starlette.datastructures import Headers
from streamlit import config

from pages.server import refused
from pages.shared import places
from tests.browser.conftest import App

STREAM = "/_stcore/stream"
PATHS = ("/", "/_stcore/health", "/_stcore/host-config", "/dataset", "/static/index.html")
UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
UPGRADE |= {"Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), "Sec-WebSocket-Protocol": "streamlit"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    app = App(folder / "runs", folder / "app.log", real=True)
    app.start()
    yield app
    app.stop()


def ask(server, path="/", method="GET", **headers):
    """Return the answer to one request; ``Host`` is the server's own unless it is given."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.putrequest(method, path, skip_host=True)
        own = {"Host": f"127.0.0.1:{server.port}", "Content-Length": "0"}
        for name, value in (own | {name.replace("_", "-"): value for name, value in headers.items()}).items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        answer.content = b"" if answer.status == 101 else answer.read()
        return answer
    finally:
        connection.close()


def own_origin(server, name="127.0.0.1"):
    return {"Host": f"{name}:{server.port}", "Origin": f"http://{name}:{server.port}"}


@pytest.mark.security(
    "A name of another host that leads to this machine (DNS rebinding) asks for a page or a file of the app",
    "403, and nothing of the app in the answer",
)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "", "[::"])
def test_another_host_name_is_refused(server, path, host):
    answer = ask(server, path, Host=f"{host}:{server.port}" if host else host)
    # What is no host name at all the server itself refuses.
    assert answer.status in ({403} if host.endswith(".example") else {400, 403})
    assert b"streamlit" not in answer.content.lower()


@pytest.mark.security(
    "A page of another server opens the app's WebSocket through its visitor's browser (foreign Origin)",
    "403, no connection",
)
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "https://127.0.0.1.evil.example", "http://127.0.0.1:1", "http://[", "null"]
)
def test_a_web_socket_from_another_origin_is_refused(server, origin):
    assert ask(server, STREAM, **UPGRADE, Origin=origin).status == 403


@pytest.mark.security(
    "DNS rebinding opens the app's WebSocket: Host and Origin are both the other name", "403, no connection"
)
def test_a_web_socket_by_another_name_is_refused(server):
    assert ask(server, STREAM, **UPGRADE, **own_origin(server, "evil.example")).status == 403


def test_the_apps_own_web_socket_opens(server):
    for name in ("127.0.0.1", "localhost"):
        assert ask(server, STREAM, **UPGRADE, **own_origin(server, name)).status == 101
    assert ask(server, STREAM, **UPGRADE).status == 101


@pytest.mark.security("A page of another server sends a request to the app, an upload included", "403")
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("PUT", "/_stcore/upload_file/a/b"), ("DELETE", "/media/a")]
)
def test_a_request_from_another_origin_is_refused(server, method, path):
    assert ask(server, path, method, Origin="http://evil.example").status == 403


@pytest.mark.security(
    "A page of another server shows the app in a frame", "every answer forbids it (frame-ancestors 'none')"
)
@pytest.mark.parametrize("path", [*PATHS, "/no/such/page"])
def test_no_answer_may_be_shown_in_a_frame(server, path):
    for answer in (ask(server, path), ask(server, path, Host="evil.example")):
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Frame-Options"] == "DENY"


def test_the_apps_own_pages_are_answered(server):
    for path in PATHS:
        assert ask(server, path, **own_origin(server)).status == 200


def test_each_page_is_told_where_the_server_is(server):
    for place in places.OTHERS:
        answer = ask(server, f"/{place.partition('/')[0]}?run=a", **own_origin(server))
        assert answer.status == 200
        assert answer.content.decode().count("BACKEND_BASE_URL: new URL") == 1
        assert b"/static/js/" in answer.content


@pytest.mark.security("Two Host headers in one request", "refused")
def test_two_host_names_are_refused(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        own = f"Host: 127.0.0.1:{server.port}\r\n"
        connection.sendall(f"GET / HTTP/1.1\r\n{own}Host: evil.example\r\nConnection: close\r\n\r\n".encode())
        first = connection.recv(64).decode()
    assert first.split()[1] in {"400", "403"}


@pytest.fixture
def options(monkeypatch):
    """Give Streamlit's options other values for a test."""
    known = config.get_option

    def set_to(**values):
        monkeypatch.setattr(config, "get_option", lambda name: values.get(name.partition(".")[2], known(name)))

    return set_to


@pytest.mark.parametrize(
    ("host", "answered"),
    [("lab.example:8501", True), ("LAB.example.", True), ("a.b.example", True), ("b.example", False), ("x", False)],
)
def test_names_that_were_set_are_answered(options, host, answered):
    options(allowedHosts=["lab.example", "*.b.example"])
    assert (refused(Headers({"host": host})) is None) == answered


@pytest.mark.security(
    "The server listens on an address of the network, and is asked by a name that was not set",
    "403; it answers to that address and to this machine's own names only",
)
def test_an_address_that_is_listened_on_is_answered_and_no_name(options):
    options(allowedHosts=[], address="192.0.2.7")
    assert refused(Headers({"host": "192.0.2.7:8501", "origin": "http://192.0.2.7:8501"})) is None
    assert "allowedHosts" in refused(Headers({"host": "lab.example"}))
    options(allowedHosts=[], address="0.0.0.0")
    assert refused(Headers({"host": "0.0.0.0"})) and refused(Headers({"host": "192.0.2.7"}))
