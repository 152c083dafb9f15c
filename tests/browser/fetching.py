"""What is done to a hub in the browser, whether it gives a model or a data set."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.hub_server import Hub

#: A few steps on few rows.
SMALL = {"quick-rows": 48, "quick-validation_rows": 8, "quick-warmup_steps": 1}


def fetch_cancel_fetch_again(page: Page, server: Hub, name: str, fetch: Locator, progress: str) -> None:
    """Press ``fetch``, see the ``progress`` (a pattern) of a slow hub, cancel, and press it again at full speed.

    Of the hub's requests those since then are kept.
    """
    server.pause = 0.6
    server.faults[name] = ("file", "slow")
    fetch.click()
    told = page.get_by_text(re.compile(progress))
    expect(told.first).to_be_visible()
    # It goes on, whatever becomes of the page, whose address asks once more whether it may read what it names.
    page.reload()
    page.get_by_role("button", name="Yes, read it").click()
    expect(told.first).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Fetched again, it goes on there").first).to_be_visible()

    del server.faults[name]
    server.requests.clear()
    fetch.click()
