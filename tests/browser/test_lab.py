"""The main path of a visitor: look around, launch a real run, watch it, come back to it, compare."""

import re

import pytest
from playwright.sync_api import Page, expect

from finsent.runs.store import RunState, list_runs
from tests.browser.conftest import App

pytestmark = [pytest.mark.browser, pytest.mark.model]

PAGES = {
    "": "Lab",
    "dataset": "Dataset",
    "model": "Model",
    "train": "Train",
    "compare": "Compare",
    "neutral": "Neutral news",
    "headlines": "Headlines",
    "runs": "Runs",
}
#: A real run of the embedded model, short enough for a test. It keeps the last step: the best of three evaluations
#: at 12 validation rows may well be the first, before anything has changed.
SMALL = "&".join(
    ["recipe=quick", "quick-rows=48", "quick-batch_size=4", "quick-test_rows=24", "quick-validation_rows=8"]
    + ["quick-logging_steps=1", "quick-warmup_steps=2", "quick-checkpoint=last"]
)
MINUTES = 60_000
expect.set_options(timeout=30_000)


def open_page(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.get_by_test_id("stAppViewContainer")).to_be_visible()
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=2 * MINUTES)


def unfold(page: Page) -> None:
    """Open whatever is folded, also what that brings, a few times over."""
    for _ in range(20):
        folded = page.locator("details:not([open]) > summary:visible")
        if not folded.count():
            return
        folded.first.click()


def assert_no_error(page: Page) -> None:
    expect(page.get_by_test_id("stException")).to_have_count(0)


def points(page: Page) -> int:
    found = re.search(r"(\d[\d,]*) points? of training loss", page.locator("body").inner_text())
    return int(found.group(1).replace(",", "")) if found else 0


def wait_for_points(page: Page, more_than: int) -> int:
    page.wait_for_function(
        "n => { const m = document.body.innerText.match(/([\\d,]+) points? of training loss/);"
        " return m && +m[1].replace(',', '') > n; }",
        arg=more_than,
        timeout=8 * MINUTES,
    )
    return points(page)


def shown_matrix(page: Page, selector: str) -> str:
    expect(page.locator(selector).first).to_be_visible()
    return page.evaluate(
        "selector => JSON.stringify(document.querySelector(selector).data.find(trace => trace.type === 'heatmap').z)",
        selector,
    )


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_opens_says_its_world_and_fits(app, page, path, width):
    page.set_viewport_size({"width": width, "height": 900})
    open_page(page, f"{app.url}/{path}")
    expect(page.get_by_text("Embedded world").first).to_be_visible()
    expect(page.get_by_role("heading", level=1).first).to_be_visible()
    assert_no_error(page)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width, f"the page is {wide} px wide on a screen of {width}"


@pytest.mark.parametrize("width", [390, 760])
def test_on_a_narrow_screen_one_touch_leads_to_another_page_and_no_menu_stays_over_it(app, page, width):
    page.set_viewport_size({"width": width, "height": 900})
    open_page(page, app.url)
    links = page.locator(".st-key-narrow-pages").get_by_role("link")
    expect(links).to_have_count(len(PAGES))
    for link in links.all():
        expect(link).to_be_in_viewport(ratio=1)
    links.get_by_text("Runs", exact=True).click()
    expect(page.get_by_role("heading", level=1, name="Runs")).to_be_visible()
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    page.set_viewport_size({"width": 1440, "height": 900})
    expect(page.get_by_test_id("stSidebar")).to_be_visible()
    expect(page.get_by_role("link", name="Runs", exact=True)).to_have_count(1)


def test_launch_watch_reload_compare(app, page):
    # On a phone the button stands far below the run that it launches.
    page.set_viewport_size({"width": 390, "height": 844})
    open_page(page, f"{app.url}/train?{SMALL}")
    page.get_by_role("button", name="Launch", exact=True).click()
    expect(page.get_by_role("heading", level=1, name="Train")).to_be_in_viewport()
    page.set_viewport_size({"width": 1440, "height": 900})
    first = wait_for_points(page, 0)
    second = wait_for_points(page, first)
    assert second > first

    page.reload()
    (run,) = list_runs(app.runs_dir)
    assert run.active
    expect(page.get_by_text(run.id).first).to_be_visible()
    third = wait_for_points(page, second)
    assert third > second

    expect(page.get_by_text("Compare baseline and fine-tuned").first).to_be_visible(timeout=10 * MINUTES)
    (run,) = list_runs(app.runs_dir)
    assert run.state == RunState.DONE
    assert run.steps == 12
    assert wait_for_points(page, 11) == 12

    open_page(page, f"{app.url}/compare?run={run.id}")
    assert_no_error(page)
    matrices = [shown_matrix(page, f".st-key-confusion-{model} .js-plotly-plot") for model in ("baseline", "tuned")]
    assert matrices[0] != matrices[1]

    open_page(page, f"{app.url}/neutral?run={run.id}")
    assert_no_error(page)
    open_page(page, f"{app.url}/runs?run={run.id}")
    expect(page.get_by_role("heading", level=1, name="Runs")).to_be_visible()
    assert_no_error(page)

    open_page(page, f"{app.url}/headlines")
    # Answered without a click, since there is an adapter.
    expect(page.get_by_text("Answered in").first).to_be_visible(timeout=3 * MINUTES)
    assert_no_error(page)


def test_a_link_to_a_page_opens_it_on_a_new_server(tmp_path, browser, page):
    app = App(tmp_path / "runs", tmp_path / "app.log")
    app.start()
    try:
        open_page(page, f"{app.url}/dataset?label=neutral")
        expect(page.get_by_role("heading", level=1, name="Dataset")).to_be_visible()
        expect(page.get_by_text("Embedded world").first).to_be_visible()
        assert "label=neutral" in page.url
        assert_no_error(page)
    finally:
        app.stop()
