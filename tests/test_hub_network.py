"""The way to the hub is broken: a name, a proxy, a server that says nothing, a full disk; each is one sentence soon."""

import errno
import logging
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from huggingface_hub import close_session, constants

from finsent import hub, hub_part
from finsent.errors import DiskFullError, HubUnreachableError
from finsent.hub_ids import HubId
from tests.conftest import free_port

NAME, TOKEN, PASSWORD = "owner/name", "hf_verysecrettoken", "proxypassword"


class _Refusing(BaseHTTPRequestHandler):
    """A proxy that wants a login, and opens no way to anybody."""

    def _refuse(self) -> None:
        self.send_response(407)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_CONNECT = _refuse

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def refusing():
    """The port of a proxy that wants a login."""
    server = HTTPServer(("127.0.0.1", 0), _Refusing)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture
def silent():
    """A port on which somebody listens who never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def world(monkeypatch, tmp_path):
    """A client of the hub that begins anew, with a token, an empty cache and little patience; no name resolves."""

    def unknown(host, *rest, **options):
        if str(host).startswith("127."):
            return resolve(host, *rest, **options)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hub, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(hub, "_answers", {})
    close_session()
    yield monkeypatch
    close_session()


CASES = {
    "a name that does not resolve": ("http://hub.example", {}, "cannot be reached. Check the network"),
    "nobody listens": ("http://127.0.0.1:{closed}", {}, "cannot be reached. Check the network"),
    "a server that never answers": ("http://127.0.0.1:{silent}", {}, "does not answer in time"),
    "a server that never greets": ("https://127.0.0.1:{silent}", {}, "does not answer in time"),
    "no proxy where it should be": ("http://hub.example", {"HTTP_PROXY": "{closed}"}, "HF_ENDPOINT and the proxy"),
    "a proxy that does not resolve": ("http://hub.example", {"HTTP_PROXY": "name"}, "HF_ENDPOINT and the proxy"),
    "a proxy that never answers": ("http://hub.example", {"HTTP_PROXY": "{silent}"}, "does not answer in time"),
    "a proxy that wants a login": ("http://hub.example", {"HTTP_PROXY": "{refusing}"}, "wants a login"),
    "a proxy that opens no way": ("https://hub.example", {"HTTPS_PROXY": "{refusing}"}, "refuses or cannot be reached"),
    "a proxy for TLS that hangs": ("https://hub.example", {"HTTPS_PROXY": "{silent}"}, "does not answer in time"),
}


@pytest.mark.security("the network or a proxy on the way to the hub is broken", "one sentence soon; no password in it")
@pytest.mark.parametrize("case", CASES)
def test_a_broken_way_is_one_sentence_soon_and_holds_no_secret(case, world, refusing, silent, caplog, capfd):
    endpoint, proxies, words = CASES[case]
    ports = {"closed": free_port(), "silent": silent, "refusing": refusing}
    world.setenv("HF_ENDPOINT", endpoint.format(**ports))
    for name, port in proxies.items():
        host = "proxy.example:3128" if port == "name" else f"127.0.0.1:{port.format(**ports)}"
        world.setenv(name, f"http://somebody:{PASSWORD}@{host}")
    caplog.set_level(logging.DEBUG)
    began = time.monotonic()
    with pytest.raises(HubUnreachableError) as caught:
        hub.model_files(HubId(NAME)).fetch()
    assert time.monotonic() - began < 5
    said = str(caught.value)
    assert re.search(words, said), said
    written = said + caplog.text + "".join(capfd.readouterr())
    assert "\n" not in said and TOKEN not in written and PASSWORD not in said


def test_a_disk_that_is_full_on_the_way_is_one_sentence(local_hub, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(hub_part.RemoteFile, "_stream", full)
    with pytest.raises(DiskFullError, match="no room for owner/name in .*Free some, or set HF_HOME"):
        hub.model_files(HubId(NAME)).fetch()


def test_a_small_file_that_hangs_is_given_up_soon(local_hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.3)
    monkeypatch.setattr(hub_part, "_PAUSE_SECONDS", 0)
    local_hub.add("owner/hangs", {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": b"x"})
    local_hub.faults["owner/hangs"] = ("file", "hang")
    began = time.monotonic()
    with pytest.raises(HubUnreachableError, match="does not answer in time"):
        hub.model_files(HubId("owner/hangs")).fetch()
    assert time.monotonic() - began < 5
    assert len([one for one in local_hub.requests if one.startswith("GET") and "config.json" in one]) == 3
