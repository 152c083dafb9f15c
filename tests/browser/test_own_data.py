"""A visitor's own files: brought, understood, asked about, searched, seen on a map, linked to, trained on."""

import json
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from finsent.runs.store import RunState, list_runs
from tests.browser.test_lab import MINUTES, assert_no_error, open_page
from tests.conftest import LAB

pytestmark = pytest.mark.browser
LABELS = ("negative", "neutral", "positive")


@pytest.fixture(scope="module")
def texts():
    """120 news texts, 40 of each label."""
    rows = [json.loads(line) for line in LAB.read_text(encoding="utf-8").splitlines()]
    return {label: [one["text"] for one in rows if one["label"] == label][:40] for label in LABELS}


def bring(page: Page, app, name: str, content: bytes) -> None:
    open_page(page, f"{app.url}/dataset")
    page.get_by_role("button", name="Open a file").click()
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "text/csv", "buffer": content})
    expect(
        page.get_by_text(f"Your file: {name}").or_(page.locator(f"input[value='Your file: {name}']")).first
    ).to_be_visible()
    # What it was opened in closes by itself.
    expect(page.get_by_test_id("stFileUploaderDropzone")).to_be_hidden()


def lasso(page: Page) -> None:
    """Draw a line around the left half of the map."""
    drag = page.locator(".js-plotly-plot:visible .nsewdrag").first
    drag.scroll_into_view_if_needed()
    box = drag.bounding_box()
    corners = [(0.02, 0.02), (0.5, 0.02), (0.5, 0.98), (0.02, 0.98), (0.02, 0.03)]
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=12)
    page.mouse.up()


def test_bring_understand_map_search_lasso_link_train(app, browser, page, texts, tiny_llama):
    # As the copy of Financial PhraseBank on Kaggle is: no header, the label first, not UTF-8.
    lines = [f'{label},"{text.replace(chr(34), chr(39))}"' for label in LABELS for text in texts[label]]
    bring(page, app, "all-data.csv", "\r\n".join(lines).encode("cp1252", "ignore"))
    expect(page.get_by_text("no header").first).to_be_visible()
    expect(page.get_by_text("n = 120").first).to_be_visible()
    assert_no_error(page)

    # What 0, 1 and 2 mean is asked, with texts of each.
    numbers = "text,label\n" + "".join(
        f'"{text.replace(chr(34), chr(39))}",{number}\n' for number, label in enumerate(LABELS) for text in texts[label]
    )
    bring(page, app, "numbers.csv", numbers.encode())
    expect(page.get_by_text("What do the values of").first).to_be_visible()
    for number, label in enumerate(LABELS):
        field = page.locator(f".st-key-meaning-{number} input")
        field.click()
        page.get_by_role("option", name=label, exact=True).click()
    page.get_by_role("button", name="Use these").click()
    expect(page.get_by_text("n = 120").first).to_be_visible()

    page.get_by_role("tab", name="Rows").click()
    search = page.get_by_placeholder("any part, for example: profit")
    search.fill("profit")
    count = sum("profit" in text.lower() for label in LABELS for text in texts[label])
    expect(page.get_by_text(f"{count} of 120 rows").first).to_be_visible()
    search.fill("")
    expect(page.get_by_text("120 of 120 rows").first).to_be_visible()

    page.get_by_role("tab", name="Map").click()
    expect(page.get_by_text("Draw a line around texts")).to_be_visible(timeout=MINUTES)
    page.wait_for_timeout(1_000)
    lasso(page)
    expect(page.get_by_text("rows are selected").first).to_be_visible()
    table = page.get_by_test_id("stDataFrame").locator("canvas:visible").first
    table.scroll_into_view_if_needed()
    # What takes the click lies over the canvas.
    table.click(position={"x": 18, "y": 54}, force=True)
    expect(page.get_by_text("Prompt and answer").first).to_be_visible()
    page.wait_for_function("location.search.includes('row=')")
    row = page.evaluate("new URLSearchParams(location.search).get('row')")
    assert_no_error(page)

    # The address in a fresh browser: the same row lies open.
    link = page.url
    assert "view=Map" in link
    fresh = browser.new_context(viewport={"width": 1440, "height": 900})
    other = fresh.new_page()
    open_page(other, link)
    # On the map, and in the table of rows behind it.
    expect(other.get_by_text(f"Row {row},").locator("visible=true").first).to_be_visible(timeout=2 * MINUTES)
    fresh.close()

    # The link says the file and what was decided about it; a small model and few rows are the test's own.
    page.get_by_role("link", name="Train on this").click()
    page.wait_for_function("location.pathname.endsWith('/train') && location.search.includes('quick-data=')")
    linked = page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")
    source = linked["quick-data"]
    settings = {"quick-model": str(tiny_llama), "quick-rows": 80, "quick-validation_rows": 8, "quick-warmup_steps": 1}
    open_page(page, f"{app.url}/train?{urlencode(linked | settings)}")
    page.get_by_role("button", name="Yes, read it").click()
    page.get_by_role("button", name="Launch", exact=True).click()
    expect(page.get_by_text("Compare baseline and fine-tuned").first).to_be_visible(timeout=5 * MINUTES)
    (run,) = list_runs(app.runs_dir)
    assert (run.state, run.steps, run.recipe.source) == (RunState.DONE, 10, source)
