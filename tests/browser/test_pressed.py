"""A button is pressed, and something else is, before the page has come to the button: what was pressed is done."""

import pytest
from playwright.sync_api import expect

from finsent.runs.store import load_run
from tests.browser.conftest import App
from tests.browser.test_lab import assert_no_error, open_page
from tests.predictions import made_pair, made_run

pytestmark = pytest.mark.browser
#: Milliseconds between the two: one after another, it interrupts the page's run at another place.
BETWEEN = (5, 15, 30, 60, 100)
#: The browser tells of both before the page can have come to the first.
BOTH = """([first, second, between]) => {
    document.querySelector(first).click();
    setTimeout(() => document.querySelector(second).click(), between);
}"""


@pytest.fixture(scope="module")
def made_app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pressed")
    app = App(folder / "runs", folder / "app.log")
    app.run = made_run(folder / "runs", *made_pair(60, seed=11), name="before")
    app.start()
    yield app
    app.stop()


def test_a_press_that_is_interrupted_at_once_is_not_lost(made_app, page):
    run = made_app.run
    open_page(page, f"{made_app.url}/runs?run={run.id}")
    for between in BETWEEN:
        name = f"named {between}"
        page.get_by_label("Name", exact=True).first.fill(name)
        # What is opened or closed makes the page run anew.
        page.evaluate(BOTH, [f".st-key-save-{run.id} button", ".st-key-bring-in summary", between])
        expect(page.get_by_test_id("stHeading").get_by_text(name)).to_be_visible(timeout=10_000)
        expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
        assert load_run(made_app.runs_dir, run.id).name == name
    assert_no_error(page)
