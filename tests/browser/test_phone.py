"""A visitor with a phone: opens a run with a finger, has the data's first rows in reach, reads whole figures."""

import re
import time

import pytest
from playwright.sync_api import Browser, Page, expect

from finsent.inference.predictions import load_predictions
from finsent.labels import THREE_LABELS
from finsent.metrics.comparison import answers_table, cell_rows
from tests.browser.conftest import App
from tests.predictions import made_pair, made_run

pytestmark = pytest.mark.browser

#: Of a table: its head and its rows are so high, and the boxes before its rows so wide.
ROW, BOX = 35, 45
NAMES = ("baseline", "fine-tuned")


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phone")
    runs = [made_run(folder / "runs", *made_pair(60, seed=seed), name=f"run {seed}") for seed in (1, 2)]
    app = App(folder / "runs", folder / "app.log")
    app.start()
    yield app, runs
    app.stop()


@pytest.fixture
def phone(browser: Browser):
    """A page as wide as a phone's, for fingers."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def open_page(phone: Page, address: str, words: str) -> None:
    phone.goto(address)
    expect(phone.get_by_text(words).first).to_be_visible(timeout=120_000)
    expect(phone.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=120_000)


def touch(phone: Page, row: int, across: int) -> None:
    """Touch the first table of the page in a row, so many pixels from its left end."""
    table = phone.get_by_test_id("stDataFrame").first
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    phone.touchscreen.tap(box["x"] + across, box["y"] + ROW * (row + 1.5))


def test_a_run_opens_where_it_is_touched_and_two_ticks_compare(two_runs, phone):
    app, (first, second) = two_runs
    open_page(phone, f"{app.url}/runs", "Download this history as CSV")
    touch(phone, 1, BOX + 60)
    expect(phone.get_by_role("heading", name="run 1", exact=True)).to_be_visible()
    expect(phone).to_have_url(re.compile(f"run={first.id}$"))
    touch(phone, 0, BOX // 2)
    expect(phone.get_by_role("heading", name="run 2", exact=True)).to_be_visible()
    touch(phone, 1, BOX // 2)
    expect(phone.get_by_text("Side by side", exact=True)).to_be_visible()
    expect(phone).to_have_url(re.compile(f"run={second.id}&run={first.id}$"))


@pytest.mark.parametrize("way", ["compare", "", "dataset"])
def test_a_tap_chooses_the_cell_that_it_touches(two_runs, phone, way):
    app, (_, second) = two_runs
    open_page(phone, f"{app.url}/{way}", "Embedded world")
    if way != "compare":
        phone.get_by_test_id("stMain").get_by_role("link", name="Compare", exact=True).tap()
    expect(phone.get_by_text("Further questions", exact=True)).to_be_visible(timeout=120_000)
    expect(phone.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=120_000)
    tables = (load_predictions(second.predictions_file(model)) for model in ("baseline", "tuned"))
    answers = answers_table(*tables)
    # From the upper left: gold labels downwards, answers to the right.
    for number, gold, called in ((1, 1, 2), (0, 1, 2), (1, 1, 1), (1, 2, 0)):
        tap_cell(phone, number, across=called, down=gold)
        model, gold_label, answer = ("baseline", "tuned")[number], THREE_LABELS[gold], THREE_LABELS[called]
        n = len(cell_rows(answers, model, gold_label, answer))
        words = f"{n} {gold_label} {'row' if n == 1 else 'rows'} that the {NAMES[number]} model"
        expect(phone.get_by_text(re.compile(f"{words} calls? {answer}"))).to_be_visible()


def tap_cell(phone: Page, number: int, across: int, down: int) -> None:
    """Touch a cell of one of Compare's two matrices."""
    chart = phone.locator(".js-plotly-plot").nth(number)
    before, place, deadline = None, {}, time.monotonic() + 60
    # What a tap brought, and charts that are still being drawn, move the page.
    while before != place:
        assert time.monotonic() < deadline
        chart.evaluate("chart => chart.scrollIntoView({block: 'center', behavior: 'instant'})")
        phone.wait_for_timeout(700)
        before, place = place, chart.locator(".nsewdrag").first.bounding_box()
    left, top, width, height = (place[side] for side in ("x", "y", "width", "height"))
    phone.touchscreen.tap(left + width * (across + 0.5) / 3, top + height * (down + 0.5) / 3)


def test_the_first_rows_of_the_data_are_in_reach(two_runs, phone):
    app, _ = two_runs
    open_page(phone, f"{app.url}/dataset?view=Rows", "Choose one to open it.")
    table = phone.get_by_test_id("stDataFrame").locator("visible=true").first
    expect(table).to_be_visible()
    # Streamlit lays the page out again when the style sheet comes.
    phone.wait_for_function(
        """() => {
            const filters = [...document.querySelectorAll(".st-key-filters .stMultiSelect")];
            const [label, split, source, topic] = filters.map((one) => one.getBoundingClientRect().top);
            return label === split && split < source && source === topic;
        }"""
    )
    assert table.bounding_box()["y"] < 1_000


def test_no_figure_is_cut(two_runs, phone):
    app, _ = two_runs
    open_page(phone, f"{app.url}/model", "torchinfo's total")
    figures = phone.get_by_test_id("stMetricValue")
    expect(figures).to_have_count(5, timeout=120_000)
    whole = "all => all.every(one => [...one.querySelectorAll('*')].every(e => e.scrollWidth <= e.clientWidth))"
    assert figures.evaluate_all(whole)


def test_what_if_is_in_view_where_its_link_leads(two_runs, phone):
    app, (run, _) = two_runs
    run.adapter_dir.mkdir(exist_ok=True)
    (run.adapter_dir / "adapter_model.safetensors").write_bytes(b"")
    (run.adapter_dir / "adapter_config.json").write_text("{}")
    rows = load_predictions(run.predictions_file("baseline"))
    row = rows[(rows["label"] == "neutral") & (rows["predicted"] != "neutral")].iloc[0]
    open_page(phone, f"{app.url}/neutral?run={run.id}&item={row['row_id']}", "Most similar training texts")
    phone.get_by_role("link", name="What if …?").tap()
    field = phone.get_by_label("What if …? The headline, changed")
    expect(field).to_have_value(row["text"], timeout=120_000)
    expect(phone.get_by_label("Headline", exact=True)).to_have_value(row["text"])
    expect(phone.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=120_000)
    assert phone.get_by_test_id("stMain").evaluate("main => main.scrollTop") == 0
    box = field.bounding_box()
    assert box["y"] + box["height"] <= 844
