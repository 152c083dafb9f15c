"""Where the hub is looked for: at its own address, or at the proxy that its client would ask."""

import socket

import pytest

from finsent import hub


@pytest.fixture
def asked(monkeypatch):
    """Addresses that were asked, none of which answers; nothing is remembered from before."""
    seen = []

    def refuse(address, timeout):
        seen.append(address)
        raise OSError

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    hub._answers.clear()
    yield seen
    hub._answers.clear()


PROXY = {"HTTPS_PROXY": "http://proxy.example:3128"}


@pytest.mark.parametrize(
    ("endpoint", "proxies", "address"),
    [
        ("http://hub.example:8080", {}, ("hub.example", 8080)),
        ("https://hub.example", PROXY, ("proxy.example", 3128)),
        ("https://hub.example", PROXY | {"NO_PROXY": "hub.example"}, ("hub.example", 443)),
    ],
    ids=["itself", "its proxy", "itself past the proxy"],
)
def test_the_hub_is_asked_where_its_client_would_ask(asked, monkeypatch, endpoint, proxies, address):
    for name, value in {"HF_ENDPOINT": endpoint, **proxies}.items():
        monkeypatch.setenv(name, value)
    assert not hub.hub_answers()
    assert asked == [address]


def test_said_to_be_offline_nobody_is_asked(asked, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert not hub.hub_answers()
    assert asked == []
