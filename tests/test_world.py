"""Where the hub is looked for: at its own address, or at the proxy that its client would ask."""

import socket

import pytest

from finsent import world


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
    world._probe.cache_clear()
    yield seen
    world._probe.cache_clear()


def test_the_hub_is_asked_itself(asked, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.example:8080")
    assert not world.hub_answers()
    assert asked == [("hub.example", 8080)]


def test_behind_a_proxy_the_proxy_is_asked(asked, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert not world.hub_answers()
    assert asked == [("proxy.example", 3128)]


def test_an_address_that_the_proxy_is_not_for_is_asked_itself(asked, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "hub.example")
    assert not world.hub_answers()
    assert asked == [("hub.example", 443)]


def test_said_to_be_offline_nobody_is_asked(asked, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert not world.hub_answers()
    assert asked == []
