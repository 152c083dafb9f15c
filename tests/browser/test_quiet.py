"""The app, started as the README says and used: neither the server, nor a worker, nor a page asks anyone elsewhere."""

import re
import time
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from finsent.runs.store import RunState, list_runs
from tests import recorded_sockets
from tests.browser.conftest import App
from tests.browser.test_lab import MINUTES, PAGES, assert_no_error, open_page, unfold

pytestmark = pytest.mark.browser
SMALL = {"rows": 48, "validation_rows": 8, "logging_steps": 1, "warmup_steps": 1, "learning_rate": 0.01}


@pytest.fixture
def watched(tmp_path):
    """The app in a process that is watched, with all that it starts; nothing hides the hub from it."""
    app = App(tmp_path / "runs", tmp_path / "app.log", real=True)
    (tmp_path / "watched").mkdir()
    app.environment = recorded_sockets.environment(tmp_path / "watched")
    app.start()
    yield app
    app.stop()


@pytest.fixture
def asked(page):
    """Every address that the browser asked for."""
    addresses = []
    page.on("request", lambda request: addresses.append(request.url))
    page.on("websocket", lambda socket: addresses.append(socket.url.replace("ws", "http", 1)))
    return addresses


def launch(app: App, page: Page, model, data) -> None:
    """Launch a run of a few seconds and wait for its end."""
    names = {"recipe": "quick", "quick-model": model, "quick-data": data}
    open_page(page, f"{app.url}/train?{urlencode(names | {f'quick-{name}': value for name, value in SMALL.items()})}")
    page.get_by_role("button", name="Yes, read it").click()
    page.get_by_role("button", name="Launch", exact=True).click()
    expect(page.get_by_text("Compare baseline and fine-tuned").first).to_be_visible(timeout=4 * MINUTES)
    assert [run.state for run in list_runs(app.runs_dir)] == [RunState.DONE]


def look_around(app: App, page: Page) -> None:
    """Open every page, and whatever is folded on it."""
    for path in PAGES:
        open_page(page, f"{app.url}/{path}")
        expect(page.get_by_role("heading", level=1).first).to_be_visible()
        unfold(page)
        for name in page.get_by_role("tab").all_inner_texts():
            page.get_by_role("tab", name=re.compile(f"^{re.escape(name)}$")).first.click()
        page.wait_for_timeout(500)
        assert_no_error(page)


def assert_quiet(app: App, asked: list[str]) -> None:
    assert recorded_sockets.recorded(app.log.parent / "watched") == []
    assert {re.match(r"(data|blob):|[a-z]+://[^/]+", address)[0] for address in asked} <= {app.url, "data:", "blob:"}
    assert asked


@pytest.mark.security(
    "The app is started as the README says, a run is launched, every page is used",
    "No process and no page tries any address but this machine's own",
)
def test_the_app_in_use_asks_nobody(watched, page, asked, tiny_llama, small_csv):
    launch(watched, page, tiny_llama, small_csv)
    look_around(watched, page)
    assert_quiet(watched, asked)


@pytest.mark.long
@pytest.mark.security(
    "The app is started as the README says and used for five minutes, a run among what is done",
    "No process and no page tries any address but this machine's own",
)
def test_the_app_asks_nobody_in_five_minutes(watched, page, asked, tiny_llama, small_csv):
    end = time.monotonic() + 300
    launch(watched, page, tiny_llama, small_csv)
    while time.monotonic() < end:
        look_around(watched, page)
    assert_quiet(watched, asked)
