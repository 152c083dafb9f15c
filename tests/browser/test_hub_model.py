"""A model of the hub by its name: looked up, fetched, cancelled, fetched again, trained on, brought in, asked."""

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from finsent.runs.store import RunState, list_runs
from tests.browser.conftest import TOKEN
from tests.browser.fetching import SMALL, fetch_cancel_fetch_again
from tests.browser.test_lab import MINUTES, assert_no_error, open_page
from tests.hub_server import Hub

pytestmark = pytest.mark.browser
NAME = "owner/tiny"


@pytest.fixture
def server(tiny_llama):
    """A hub of this machine that has one model."""
    hub = Hub()
    hub.add(NAME, tiny_llama, cardData={"license": "mit"})
    yield hub
    hub.close()


def type_model(page: Page, name: str) -> None:
    """Type a model's name into the form of Train, and press Enter."""
    field = page.locator(".st-key-quick-model input")
    field.fill(name)
    field.press("Enter")


def bring_in(page: Page, fields: dict[str, str]) -> None:
    """Bring an adapter of the data's own prompt in as a run."""
    page.get_by_text("Bring in an adapter that was trained elsewhere").click()
    # A reader takes longer to fill this in than the page to come to rest.
    expect(page.get_by_role("button", name="Bring it in")).to_be_visible()
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    for label, value in fields.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_text("the data's own prompt, as in the tutorial").click()
    page.get_by_role("button", name="Bring it in").click()


def test_look_up_fetch_cancel_fetch_again_train_bring_in_ask(own_app, server, page, small_csv):
    open_page(page, f"{own_app.url}/train?{urlencode({'quick-data': str(small_csv)} | SMALL)}")
    page.get_by_role("button", name="Yes, read it").click()
    type_model(page, NAME)
    expect(page.get_by_text("On the model hub", exact=True)).to_be_visible(timeout=MINUTES)
    for fact in ("Licence: mit.", "Everybody may fetch it.", "Architecture: LlamaForCausalLM.", "A training step of"):
        expect(page.get_by_text(fact).first).to_be_visible()
    expect(page.get_by_text("Hub world").first).to_be_visible()
    assert not [one for one in server.requests if "safetensors" in one]

    fetch = page.get_by_role("button", name=f"Fetch {NAME}")
    fetch_cancel_fetch_again(page, server, NAME, fetch, r"KB of .* KB, .* a second, .* left")
    expect(page.get_by_text("It is in this machine's cache").first).to_be_visible(timeout=MINUTES)
    (asked,) = [one for one in server.requests if one.startswith("GET") and "safetensors" in one]
    assert re.search(r"bytes=[1-9]\d+-", asked)
    assert_no_error(page)

    page.get_by_role("button", name="Launch", exact=True).click()
    expect(page.get_by_text("Compare baseline and fine-tuned").first).to_be_visible(timeout=5 * MINUTES)
    (run,) = list_runs(own_app.runs_dir)
    commit = server.revisions["models", NAME]["main"]
    assert (run.state, run.steps, run.recipe.model) == (RunState.DONE, 6, f"{NAME}@{commit}")

    open_page(page, f"{own_app.url}/runs")
    model, folder = run.recipe.model, str(run.checkpoints_dir)
    data = "Data to judge it on"
    bring_in(page, {"Folder on this machine": folder, "Base model": model, "Name": "brought in", data: str(small_csv)})
    expect(page.get_by_role("heading", name="brought in", exact=True)).to_be_visible(timeout=2 * MINUTES)
    page.wait_for_function("location.search.includes('run=')")
    brought = next(one for one in list_runs(own_app.runs_dir) if one.imported)
    assert (brought.state, brought.steps, brought.recipe.model) == (RunState.DONE, 6, model)

    open_page(page, f"{own_app.url}/headlines?run={brought.id}")
    expect(page.get_by_text(re.compile("Answered in .* by both models")).first).to_be_visible(timeout=2 * MINUTES)
    assert_no_error(page)
    shown, logged = page.content(), own_app.log.read_text()
    assert f"Bearer {TOKEN}" in server.tokens and TOKEN not in shown + logged + run.log_file.read_text()
