"""A data set of the hub by its name: looked up, a part chosen, fetched, cancelled, fetched again, read, trained on."""

import json
import re
from urllib.parse import urlencode, urljoin

import pytest
from playwright.sync_api import Page, expect

from finsent.runs.store import RunState, list_runs
from tests.browser.conftest import App
from tests.browser.fetching import SMALL, fetch_cancel_fetch_again
from tests.browser.test_lab import MINUTES, assert_no_error, open_page
from tests.conftest import LAB
from tests.hub_server import Hub

pytestmark = pytest.mark.browser
NAME, FILE = "owner/news", "posts/crowd.jsonl"
CARD = {
    "license": "mit",
    "configs": [
        {"config_name": "headlines", "data_files": "headlines.csv"},
        {
            "config_name": "posts",
            "data_files": [{"split": "experts", "path": "posts/experts.jsonl"}, {"split": "crowd", "path": FILE}],
        },
    ],
}


def posts() -> bytes:
    """120 news texts, each with so much beside it that a slow hub sends the file for most of a minute."""
    rows = [json.loads(line) for line in LAB.read_text(encoding="utf-8").splitlines()]
    news = [row for row in rows if row["family"] == "news"][:120]
    lines = [json.dumps({"text": row["text"], "label": row["label"], "page": "x" * 10_000}) for row in news]
    return "".join(f"{line}\n" for line in lines).encode()


@pytest.fixture
def server():
    """A hub of this machine that has one data set, in two configurations, one of them in two splits."""
    hub = Hub()
    files = {"headlines.csv": b"text,label\n", "posts/experts.jsonl": b"{}\n", FILE: posts()}
    hub.add(NAME, files, kind="datasets", cardData=CARD)
    yield hub
    hub.close()


def choose(page: Page, question: str, answer: str) -> None:
    """Answer which part of the data set is meant."""
    expect(page.get_by_text(f"Which {question} of {NAME}?")).to_be_visible()
    page.locator(".st-key-column input").click()
    page.get_by_role("option", name=answer, exact=True).click()
    page.get_by_role("button", name="Use these").click()


def asked_for(server: Hub) -> list[str]:
    """What was asked for of the data set's files."""
    return [one for one in server.requests if one.startswith("GET") and "/resolve/" in one]


def test_look_up_choose_fetch_cancel_fetch_again_read_train(own_app: App, server: Hub, page: Page, tiny_llama):
    open_page(page, f"{own_app.url}/dataset")
    field = page.locator(".st-key-data input")
    field.fill(NAME)
    field.press("Enter")
    expect(page.get_by_text("On the model hub", exact=True)).to_be_visible(timeout=MINUTES)
    for fact in ("Licence: mit.", "Everybody may fetch it.", "Configuration posts: "):
        expect(page.get_by_text(fact).first).to_be_visible()
    choose(page, "configuration", "posts")
    choose(page, "split", "crowd")
    fetch = page.get_by_role("button", name=f"Fetch {NAME} (")
    expect(fetch).to_be_visible()
    assert not asked_for(server)

    fetch_cancel_fetch_again(page, server, NAME, fetch, r"B of .* MB, .* a second, .* left")
    expect(page.get_by_text("n = 120").first).to_be_visible(timeout=MINUTES)
    (asked,) = asked_for(server)
    assert FILE in asked and re.search(r"bytes=[1-9]\d+-", asked)
    page.get_by_role("tab", name="Rows").click()
    expect(page.get_by_text("120 of 120 rows").first).to_be_visible()
    assert_no_error(page)

    # The link says the data set and what was decided about it; a small model and few rows are the test's own.
    link = str(page.get_by_role("link", name="Train on this").get_attribute("href"))
    own = urlencode(SMALL | {"quick-model": str(tiny_llama)})
    open_page(page, f"{urljoin(page.url, link)}&{own}")
    page.get_by_role("button", name="Yes, read it").click()
    page.get_by_role("button", name="Launch", exact=True).click()
    expect(page.get_by_text("Compare baseline and fine-tuned").first).to_be_visible(timeout=5 * MINUTES)
    (run,) = list_runs(own_app.runs_dir)
    commit = server.revisions["datasets", NAME]["main"]
    assert (run.state, run.steps, run.recipe.source) == (RunState.DONE, 6, f"{NAME}@{commit}")
    assert (run.recipe.configuration, run.recipe.source_split) == ("posts", "crowd")
    assert_no_error(page)
