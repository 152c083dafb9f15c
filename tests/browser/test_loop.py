"""The whole loop with the keyboard alone: see an error, why, what if, mend, continue the run, read the verdict."""

import re

import pytest
from playwright.sync_api import Page, expect

from finsent.evaluation.verify import verify_run
from finsent.recipe import change_recipe
from finsent.runs import worker
from finsent.runs.corrections import saved_corrections
from finsent.runs.queue import follow
from finsent.runs.rows import prepare_again
from finsent.runs.store import RunState, create_run, list_runs
from tests.browser.conftest import App
from tests.browser.test_lab import MINUTES, assert_no_error

#: Minutes, where others compute beside it: a run is trained before it, and another one in it.
pytestmark = [pytest.mark.browser, pytest.mark.long]
TABLE = "^a table$"
#: What has the focus, in words: its name for a screen reader, what it shows, what it holds.
FOCUSED = """
() => {
  const one = document.activeElement;
  if (one.closest('canvas')) return 'a table';
  if (['BODY', 'MAIN'].includes(one.tagName)) return 'the page';
  return [one.getAttribute('aria-label'), one.labels?.[0]?.innerText, one.innerText, one.value]
    .filter(Boolean).join(' | ');
}
"""


@pytest.fixture(scope="module")
def loop_app(tmp_path_factory, tiny_recipe):
    """The app on a real run of the tiny model, in which neutral texts are called something else."""
    folder = tmp_path_factory.mktemp("loop")
    changes = {"evaluations_per_epoch": 1, "validation_rows": None}
    run = create_run(change_recipe(tiny_recipe, changes), folder / "runs", name="first")
    assert worker.main(run.folder) == 0
    app = App(folder / "runs", folder / "app.log")
    app.start()
    yield app
    app.stop()


def comes(page: Page, words: str) -> None:
    """Wait until words are on the page, and the page has come to rest."""
    expect(page.get_by_text(words).first).to_be_visible(timeout=4 * MINUTES)
    page.wait_for_timeout(300)
    # Parts whose code the browser has yet to load are grey, and nothing that Tab could reach.
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=2 * MINUTES)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=2 * MINUTES)
    assert_no_error(page)


def tab_to(page: Page, name: str, most: int = 120) -> None:
    """Press Tab until what has the focus is called like this, or is a table."""
    seen = []
    for _ in range(most):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(FOCUSED))
        if re.search(name, seen[-1]):
            return
    raise AssertionError(f"No Tab led to {name}. It led to: {seen}")


def press(page: Page, *keys: str, then: str) -> None:
    """Press keys and wait for the words that they bring."""
    for key in keys:
        page.keyboard.press(key)
    comes(page, then)


def take_validation_texts(page: Page) -> None:
    """Test texts judge, so that nothing is trained on what is like them."""
    tab_to(page, "Test texts")
    press(page, "ArrowRight", "Space", then="neutral validation texts")


def test_the_whole_loop_by_keyboard(loop_app, page):
    (parent,) = list_runs(loop_app.runs_dir)
    neutral = f"{loop_app.url}/neutral?run={parent.id}"

    # See: a validation text that the models get wrong.
    page.goto(neutral)
    comes(page, "Choose a row of the table")
    take_validation_texts(page)
    tab_to(page, TABLE)
    comes(page, "Most similar training texts")
    first = page.url
    page.keyboard.press("ArrowDown")
    page.wait_for_function("before => location.href !== before", arg=first)
    # What was open before stands there until the other row is drawn.
    opened = re.search("item=([^&]+)", page.url)
    assert opened, page.url
    comes(page, f"row {opened[1]}")
    # Why: which words.
    tab_to(page, "Why\\?")
    press(page, "Enter", then="A mark after a word says")
    # Try: two edits.
    tab_to(page, "What if")
    press(page, "Enter", then="The headline, changed")
    for edit in ("Profit rose.", "Profit fell."):
        tab_to(page, "The headline, changed")
        page.keyboard.press("Control+a")
        page.keyboard.type(edit)
        press(page, "Enter", then="Your own edits")
        expect(page.get_by_test_id("stDataFrame").last).to_contain_text(edit)
    expect(page.get_by_test_id("stDataFrame").last).to_contain_text("Profit rose.")

    # Mend: two labels.
    page.goto(neutral)
    comes(page, "The texts")
    take_validation_texts(page)
    tab_to(page, "Misclassified texts")
    press(page, "ArrowRight", "Enter", then="are worth a second look")
    for version in (1, 2):
        press(page, "1", then=f"Saved as version {version}")
    assert saved_corrections(loop_app.runs_dir, prepare_again(parent)).counts["change"] == 2
    # ... and a repair set.
    tab_to(page, "Labels worth a second look")
    press(page, "ArrowLeft", "Enter", then="A repair set")
    tab_to(page, "A repair set")
    press(page, "Enter", then="Find texts like these")
    tab_to(page, "Find texts like these")
    press(page, "Enter", then="Continue this run")

    # Train on, and verify.
    tab_to(page, r"play_arrow\s+Continue this run")
    press(page, "Enter", then="is launched")
    (child,) = [run for run in list_runs(loop_app.runs_dir) if run.id != parent.id]
    assert child.origin.parent == parent.id and child.origin.corrections.change == 2
    tab_to(page, "Its verdict, once it is done")
    press(page, "Enter", then="Compare")
    child = list(follow(child, interval=0.5))[-1]
    assert child.state == RunState.DONE, child.error
    press(page, "F5", then="Beside the run that it continues")
    found = verify_run(child)
    comes(page, found.counted)
    assert found.parent == "first"
