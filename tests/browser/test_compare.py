"""A reader of Compare: chooses a cell by keyboard, reads its rows, switches to five labels, opens the report."""

import re
import time

import pytest
from playwright.sync_api import Locator, Page, expect

from finsent.metrics.classification import evaluate_predictions
from finsent.metrics.comparison import answers_table, cell_rows
from tests.browser.conftest import App
from tests.predictions import made_pair, made_run

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def tables():
    return made_pair(240, seed=11)


@pytest.fixture(scope="module")
def made_app(tmp_path_factory, tables):
    folder = tmp_path_factory.mktemp("compare")
    made_run(folder / "runs", *tables, name="made for the browser")
    app = App(folder / "runs", folder / "app.log")
    app.start()
    yield app
    app.stop()


def open_compare(page: Page, app: App, query: str = "") -> None:
    page.goto(f"{app.url}/compare{query}")
    expect(page.get_by_text("Further questions", exact=True)).to_be_visible(timeout=120_000)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=120_000)


def choose(page: Page, field: str, value: str) -> None:
    """Choose a value of a select box with the keyboard, as a reader does: once what was typed is in sight."""
    box = page.get_by_role("combobox", name=re.compile(field))
    box.focus()
    page.keyboard.type(value)
    expect(box).to_have_value(value)
    expect(page.get_by_role("option", name=value, exact=True)).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("option")).to_have_count(0)
    expect(box).to_have_value(value)


def point_at(page: Page, plot: Locator, across: float, down: float) -> None:
    """Move the mouse to a place in a chart, as a reader does: until the chart answers with its hover label.

    A chart that is still being drawn, or pushed out of sight by what appears above it, answers to nothing yet.
    """
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        plot.evaluate("plot => plot.scrollIntoView({block: 'center', behavior: 'instant'})")
        box = plot.locator(".nsewdrag").first.bounding_box()
        page.mouse.move(0, 0)
        page.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * down, steps=5)
        page.wait_for_timeout(500)
        if plot.locator(".hoverlayer .hovertext").count() and plot.locator(".nsewdrag").first.bounding_box() == box:
            return
    raise TimeoutError("The chart did not answer to the mouse within a minute")


def test_a_cell_is_chosen_and_its_rows_read_by_keyboard(made_app, page, tables):
    open_compare(page, made_app)
    choose(page, "Gold label", "positive")
    choose(page, "Called", "neutral")
    rows = cell_rows(answers_table(*tables), "baseline", "positive", "neutral")
    expect(page.get_by_text(f"{len(rows)} positive rows that the baseline model calls neutral")).to_be_visible()

    page.get_by_role("radio", name="baseline").focus()
    page.keyboard.press("ArrowRight")
    choose(page, "Gold label", "neutral")
    choose(page, "Called", "positive")
    rows = cell_rows(answers_table(*tables), "tuned", "neutral", "positive")
    assert len(rows) > 3
    expect(page.get_by_text(f"{len(rows)} neutral rows that the fine-tuned model calls positive")).to_be_visible()
    grid = page.get_by_test_id("stDataFrame").filter(has_text=rows["text"][0]).first
    for text in rows["text"].head(3):
        expect(grid).to_contain_text(text)


def test_five_labels_by_keyboard(made_app, page, tables):
    open_compare(page, made_app)
    page.get_by_role("radio", name="three").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expected = evaluate_predictions(tables[0], classes=5).confusion
    page.wait_for_function(
        "() => [...document.querySelectorAll('.js-plotly-plot')].flatMap(plot => plot.data)"
        ".some(trace => trace.type === 'heatmap' && trace.y.length === 5)"
    )
    texts = page.evaluate(
        "[...document.querySelectorAll('.js-plotly-plot')].flatMap(plot => plot.data)"
        ".filter(trace => trace.type === 'heatmap')[0].text"
    )
    assert [[int(cell.split("<br>")[0]) for cell in row] for row in texts] == expected


def test_the_report_is_downloaded_by_keyboard_and_opens_by_itself(made_app, page, tables, tmp_path):
    open_compare(page, made_app, "?part=Export")
    with page.expect_download(timeout=60_000) as download:
        page.get_by_role("button", name="Report (one HTML file)").focus()
        page.keyboard.press("Enter")
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    page.goto(path.as_uri())
    expect(page.get_by_role("heading", level=1)).to_contain_text("made for the browser")
    figures = evaluate_predictions(tables[1])
    matrix = page.locator("table.matrix").nth(1)
    expect(matrix.locator("td.studied")).to_contain_text(str(figures.confusion[1][2]))
    assert page.evaluate(
        "JSON.parse(document.querySelector('#evaluation').textContent).tuned.accuracy"
    ) == pytest.approx(figures.accuracy)


def test_a_cell_is_chosen_by_mouse(made_app, page, tables):
    open_compare(page, made_app)
    plot = page.locator(".js-plotly-plot").nth(1)
    # The cell at the bottom left: gold positive, called negative.
    point_at(page, plot, across=1 / 6, down=5 / 6)
    page.mouse.down()
    page.mouse.up()
    rows = cell_rows(answers_table(*tables), "tuned", "positive", "negative")
    (only,) = rows["gold"]
    assert only == "positive"
    expect(page.get_by_text("1 positive row that the fine-tuned model calls negative")).to_be_visible()
    expect(page).to_have_url(re.compile("gold=positive"))
    # The fields beside the chart take over what was clicked, and Streamlit has nothing to warn of.
    assert "Session State API" not in made_app.log.read_text()
