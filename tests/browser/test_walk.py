"""A walk over all pages: what the visitor does there leaves no warning in the server's log."""

import re

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import App
from tests.browser.test_compare import point_at
from tests.browser.test_lab import PAGES, assert_no_error, open_page, unfold
from tests.predictions import made_pair, made_run

pytestmark = pytest.mark.browser


@pytest.fixture
def made_app(tmp_path):
    """The app on two runs with predictions that no model has made."""
    app = App(tmp_path / "runs", tmp_path / "app.log")
    taught = [f"Made text {number} was taught with news {number % 7}" for number in range(40)]
    training = pd.DataFrame({"text": taught, "label": ["neutral", "positive", "negative", "neutral"] * 10})
    for seed in range(2):
        made_run(app.runs_dir, *made_pair(160, seed, validation=60), training, name=f"made {seed}")
    app.start()
    yield app
    app.stop()


def look_at_all(page: Page) -> None:
    """Open every tab and whatever is folded."""
    for tab in page.get_by_role("tab").all():
        tab.click()
        expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    unfold(page)
    page.wait_for_timeout(1_000)
    assert_no_error(page)


def click_a_cell(page: Page) -> None:
    """Choose a cell of the confusion matrix with the mouse, which sets the fields below it."""
    plot = page.locator(".st-key-confusion-tuned .js-plotly-plot")
    point_at(page, plot, 0.8, 0.8)
    page.mouse.down()
    page.mouse.up()
    expect(page.locator("p", has_text="rows that the fine-tuned model calls")).to_be_visible()


def test_a_walk_over_all_pages_leaves_no_warning_in_the_log(made_app, page):
    for path in PAGES:
        open_page(page, f"{made_app.url}/{path}")
        if path == "compare":
            expect(page.get_by_text("Further questions", exact=True)).to_be_visible(timeout=120_000)
            click_a_cell(page)
        look_at_all(page)
    log = made_app.log.read_text(encoding="utf-8")
    assert [line for line in log.splitlines() if re.search("warning|error|traceback", line, re.IGNORECASE)] == []
