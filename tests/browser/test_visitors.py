"""Several visitors classify many headlines at once: each reads the answers that it would have alone, over and over."""

import io
import json

import pandas as pd
import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from finsent.charts.headlines import headlines_table
from finsent.evaluation.classifier import Classifier
from finsent.runs.queue import launch
from finsent.runs.store import load_run
from tests.browser.conftest import App
from tests.browser.test_lab import open_page
from tests.conftest import LAB
from tests.runs.test_resume import end_of

pytestmark = [pytest.mark.browser, pytest.mark.long]
VISITORS, EACH, ROUNDS = 5, 20, 6
#: By so much the server may be larger after the last round than after the second, when all caches are filled.
GROWTH = 1.05
TEXTS = [json.loads(line)["text"] for line in LAB.read_text(encoding="utf-8").splitlines()[: VISITORS * EACH]]


@pytest.fixture
def app(tmp_path, tiny_recipe, real_worker):
    """The app on one run of a tiny model."""
    end_of(launch(tiny_recipe, tmp_path / "runs"))
    app = App(tmp_path / "runs", tmp_path / "app.log", real=True)
    app.start()
    yield app
    app.stop()


def asked(number: int) -> list[str]:
    """Return the headlines of a visitor."""
    return TEXTS[number * EACH : (number + 1) * EACH]


def visitors(browser: Browser, app: App) -> list[Page]:
    """Return pages of profiles of their own, each with its headlines typed in."""
    pages = []
    for number in range(VISITORS):
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        open_page(page, f"{app.url}/headlines?mode=Many+headlines")
        field = page.get_by_label("Headlines, one a line")
        field.fill("\n".join(asked(number)))
        field.press("Control+Enter")
        pages.append(page)
    return pages


def answers(page: Page) -> pd.DataFrame:
    """Return the table that a page offers to download."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as Parquet").click()
    return pd.read_parquet(io.BytesIO(download.value.path().read_bytes()))


def test_five_pages_at_once_have_the_answers_that_each_has_alone_and_the_server_does_not_grow(app, browser):
    (run,) = [one.parent.name for one in app.runs_dir.glob("*/run.json")]
    classifier = Classifier.of_run(load_run(app.runs_dir, run))
    alone = [headlines_table(classifier.classify(asked(number))) for number in range(VISITORS)]
    pages = visitors(browser, app)
    server, resident = psutil.Process(app.process.pid), []
    for _ in range(ROUNDS):
        for page in pages:
            page.get_by_role("button", name="Classify").click()
        # What the last round has shown goes once the click is answered.
        pages[-1].wait_for_timeout(1_000)
        for number, page in enumerate(pages):
            expect(page.get_by_text(f"{EACH} texts by the baseline and run")).to_be_visible(timeout=120_000)
            expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=120_000)
            pd.testing.assert_frame_equal(answers(page), alone[number], atol=1e-4)
        resident.append(server.memory_info().rss)
    assert resident[-1] <= GROWTH * resident[1], [size // 2**20 for size in resident]
