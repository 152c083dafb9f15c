"""Every way into Train's form: one number is changed, and recipe, data and change are still what will run."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from finsent.recipe import change_recipe, get_recipe
from finsent.runs.store import Run, RunState, create_run, update_run
from tests.browser.test_lab import assert_no_error, open_page
from tests.browser.test_own_data import bring

pytestmark = pytest.mark.browser
FILE = "own_headlines.csv"
HEADLINES = "Lab headlines"
#: What the browser sends comes late, as from far away.
SLOW = """
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) { setTimeout(() => send.call(this, data), 1500); };
"""


@pytest.fixture(scope="module")
def run(app) -> Run:
    """A run that is done, of the recipe quick with another rank."""
    run = create_run(change_recipe(get_recipe("quick"), {"lora_rank": 4}), app.runs_dir, name="narrow")
    return update_run(run.folder, state=RunState.DONE)


@pytest.fixture
def own_file(app, page) -> None:
    """A file of 90 rows that the visitor brought."""
    labels = ("negative", "neutral", "positive")
    rows = [f'"Company {n} told of its {labels[n % 3]} quarter {n}",{labels[n % 3]}' for n in range(90)]
    bring(page, app, FILE, "\n".join(["text,label", *rows]).encode())


def plan(page: Page) -> Locator:
    return page.locator("p", has_text="Will run:")


def change_seed(page: Page, start: str) -> None:
    field = page.locator(f".st-key-{start}-seed input")
    field.fill("7")
    field.press("Enter")


def assert_kept(page: Page, start: str, *words: str, later: int = 700) -> None:
    """See that the form is what it should be after the change of the seed, and still is so many ms after its rest."""
    expect(plan(page)).to_contain_text("seed 7 (not 42)")
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    page.wait_for_timeout(later)
    for word in ("seed 7 (not 42)", *words):
        expect(plan(page)).to_contain_text(word)
    expect(page.locator(f".st-key-{start}-seed input")).to_have_value("7")
    assert f"start={start}" in page.url
    assert f"{start}-seed=7" in page.url
    assert_no_error(page)


def assert_stays(page: Page, start: str, *words: str) -> None:
    """Change the seed once the page has come to rest, and see that nothing else changes."""
    expect(plan(page)).to_be_visible()
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    change_seed(page, start)
    assert_kept(page, start, *words)


def choose(page: Page, key: str, words: str) -> None:
    field = page.locator(f".st-key-{key} input")
    field.click()
    page.get_by_role("option", name=words).click()


@pytest.mark.parametrize(
    ("address", "start", "words"),
    [
        ("", "quick", [HEADLINES, "recipe quick"]),
        ("?recipe=best", "best", [HEADLINES, "recipe best"]),
        ("?recipe=quick&quick-rows=64", "quick", ["64 rows of", HEADLINES, "recipe quick"]),
        pytest.param("?quick-rows=64", "quick", ["64 rows of", HEADLINES, "recipe quick"], marks=pytest.mark.long),
        pytest.param("?start=best&best-rows=64", "best", ["64 rows of", HEADLINES], marks=pytest.mark.long),
    ],
)
def test_an_address(app, page, address, start, words):
    open_page(page, f"{app.url}/train{address}")
    assert_stays(page, start, *words)
    # A refresh begins a new visit.
    page.reload()
    assert_kept(page, start, *words)


@pytest.mark.parametrize("named", ["id", "name"])
def test_an_address_that_duplicates_a_run(app, page, run, named):
    open_page(page, f"{app.url}/train?like={getattr(run, named)}")
    assert_stays(page, run.id, HEADLINES, "lora_rank 4 (not 8)")


@pytest.mark.parametrize("place", ["runs", "train"])
def test_duplicate_with_changes(app, page, run, place):
    open_page(page, f"{app.url}/{place}?run={run.id}")
    page.get_by_role("link", name="Duplicate with changes").first.click()
    expect(page.get_by_text("Settings of run")).to_be_visible()
    assert_stays(page, run.id, HEADLINES, "lora_rank 4 (not 8)")


def test_a_link_of_the_lab_after_another_start(app, page, run):
    open_page(page, f"{app.url}/train?like={run.id}")
    expect(page.get_by_text("Settings of run")).to_be_visible()
    page.get_by_role("link", name="Lab").first.click()
    page.get_by_role("link", name=re.compile("^Train")).first.click()
    expect(page.get_by_text("Settings of run")).to_be_visible()
    assert_stays(page, run.id, HEADLINES, "lora_rank 4 (not 8)")


def test_another_recipe_is_chosen_in_the_form(app, page):
    open_page(page, f"{app.url}/train")
    choose(page, "recipe", "best")
    expect(plan(page)).to_contain_text("recipe best")
    assert_stays(page, "best", HEADLINES, "recipe best")


def test_train_on_this(own_file, page):
    page.get_by_role("link", name="Train on this").click()
    expect(plan(page)).to_contain_text(FILE)
    assert_stays(page, "quick", FILE, "recipe quick")


def test_a_file_that_was_brought_is_chosen_in_the_form(app, own_file, page):
    page.get_by_role("link", name=re.compile("^Train$")).first.click()
    choose(page, "quick-data", f"Your file: {FILE}")
    expect(plan(page)).to_contain_text(FILE)
    assert_stays(page, "quick", FILE, "recipe quick")


def test_a_change_that_is_made_while_a_link_is_still_on_its_way(app, page, run):
    page.add_init_script(SLOW)
    # The form has the run's settings in view already when its link is followed, so that one can be changed at once.
    open_page(page, f"{app.url}/train?run={run.id}&start={run.id}")
    expect(plan(page)).to_be_visible()
    page.get_by_role("link", name="Duplicate with changes").first.click()
    change_seed(page, run.id)
    assert_kept(page, run.id, HEADLINES, "lora_rank 4 (not 8)", later=2_000)
