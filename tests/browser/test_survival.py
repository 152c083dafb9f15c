"""Runs outlive the browser and the server: whatever is closed or killed, a run ends as if nothing was."""

import re
import time
from urllib.parse import urlencode

import psutil
import pytest
from playwright.sync_api import Page, expect

from finsent.recipe import Recipe, change_recipe, changed_fields
from finsent.runs.queue import launch
from finsent.runs.store import Run, RunState, list_runs, read_run
from tests.browser.conftest import App
from tests.browser.test_lab import open_page, wait_for_points
from tests.runs.test_resume import assert_same_outcome, end_of

pytestmark = pytest.mark.browser
MINUTE = 60_000


@pytest.fixture(scope="module")
def recipe(tiny_recipe) -> Recipe:
    """Forty-eight steps of a tiny model, judged on so many rows that no state is over before a test has seen it."""
    return change_recipe(tiny_recipe, {"source": "embedded", "epochs": 8, "evaluations_per_epoch": 1})


@pytest.fixture(scope="module")
def whole(recipe, tmp_path_factory, forked_workers) -> Run:
    """The same run, which nothing interrupted."""
    run = end_of(launch(recipe, tmp_path_factory.mktemp("whole")))
    assert run.state == RunState.DONE, run.error
    return run


@pytest.fixture
def own_app(tmp_path):
    app = App(tmp_path / "runs", tmp_path / "app.log")
    app.start()
    yield app
    app.stop()


@pytest.fixture
def real_app(tmp_path):
    """An app whose server and workers are started as a user's are."""
    app = App(tmp_path / "runs", tmp_path / "app.log", real=True)
    app.start()
    yield app
    app.stop()


@pytest.fixture
def paced_app(tmp_path):
    """An app whose runs wait at each step as long as their folder has a file ``slowly``."""
    app = App(tmp_path / "runs", tmp_path / "app.log", worker="tests.paced_worker")
    app.start()
    yield app
    app.stop()


def form_address(app: App, recipe: Recipe) -> str:
    """The address of the Train page with a form that says this recipe."""
    names = {"source": "data"}
    values = {f"quick-{names.get(name, name)}": value for name, (_, value) in changed_fields(recipe).items()}
    return f"{app.url}/train?{urlencode({'recipe': 'quick'} | values)}"


def launch_in(page: Page, app: App, recipe: Recipe) -> Run:
    open_page(page, form_address(app, recipe))
    known = {run.id for run in list_runs(app.runs_dir)}
    agree_to_read(page)
    page.get_by_role("button", name="Launch", exact=True).click()
    return wait_until(lambda: next((run for run in list_runs(app.runs_dir) if run.id not in known), None))


def agree_to_read(page: Page) -> None:
    """Let the page read the folder of this machine that its address names."""
    page.get_by_role("button", name="Yes, read it").click()


def wait_until(found, seconds=120):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = found()
        if value:
            return value
        time.sleep(0.005)
    raise TimeoutError("What the test waits for did not come")


def in_state(run: Run, state: str):
    return lambda: read_run(run.folder).state == state


def kill_server(app: App) -> None:
    app.process.kill()
    app.process.wait(timeout=30)


@pytest.mark.parametrize("state", ["preparing", "baseline", "training", "evaluating"])
def test_the_server_is_killed_and_the_run_goes_on(own_app, page, recipe, whole, state):
    run = launch_in(page, own_app, recipe)
    wait_until(in_state(run, state))
    kill_server(own_app)
    now = read_run(run.folder)
    assert now.state not in (RunState.LOST, RunState.FAILED, RunState.STOPPED), now.error
    own_app.start()
    open_page(page, f"{own_app.url}/train?run={run.id}")
    expect(page.get_by_text("Compare baseline and fine-tuned").first).to_be_visible(timeout=2 * MINUTE)
    ended = read_run(run.folder)
    assert ended.state == RunState.DONE, ended.error
    assert ended.recipe == whole.recipe
    assert_same_outcome(whole, ended)


def test_the_server_is_killed_and_the_queue_goes_on(paced_app, page, recipe, whole):
    slowly = paced_app.runs_dir / "slowly"
    slowly.parent.mkdir()
    slowly.touch()
    first = launch_in(page, paced_app, recipe)
    open_page(page, form_address(paced_app, recipe))
    # The form that the address prepares is open beside the run at work.
    agree_to_read(page)
    page.get_by_role("button", name="Add to the queue").click()
    waiting = wait_until(lambda: next((run for run in list_runs(paced_app.runs_dir) if run.waiting), None))
    wait_until(lambda: read_run(first.folder).state in ("training", "evaluating"))
    kill_server(paced_app)
    slowly.unlink()
    # Nobody looks: the worker itself gives the next run its turn.
    for run in (first, waiting):
        wait_until(lambda run=run: not read_run(run.folder).active)
        assert_same_outcome(whole, read_run(run.folder))
    assert read_run(first.folder).ended <= read_run(waiting.folder).started
    paced_app.start()
    open_page(page, f"{paced_app.url}/train?run={waiting.id}")
    expect(page.get_by_text("Compare baseline and fine-tuned").first).to_be_visible(timeout=MINUTE)


def test_server_and_worker_are_killed_and_the_run_is_resumed(real_app, page, recipe, whole):
    run = launch_in(page, real_app, recipe)
    wait_until(lambda: (run.checkpoints_dir / "checkpoint-12" / "trainer_state.json").is_file())
    kill_server(real_app)
    psutil.Process(read_run(run.folder).pid).kill()
    wait_until(in_state(run, "lost"))
    real_app.start()
    open_page(page, f"{real_app.url}/train?run={run.id}")
    expect(page.get_by_text("Its process ended without a word").first).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Compare baseline and fine-tuned").first).to_be_visible(timeout=2 * MINUTE)
    assert_same_outcome(whole, read_run(run.folder))


def test_close_the_browser_come_back_stop_and_resume(paced_app, browser, recipe):
    longer = change_recipe(recipe, {"epochs": 20})
    context = browser.new_context()
    page = context.new_page()
    slowly = paced_app.runs_dir / "slowly"
    slowly.parent.mkdir()
    slowly.touch()
    run = launch_in(page, paced_app, longer)
    seen = wait_for_points(page, 0)
    context.close()

    time.sleep(5)
    context = browser.new_context()
    page = context.new_page()
    open_page(page, f"{paced_app.url}/train")
    expect(page.get_by_text(re.compile("of training loss")).first).to_be_visible()
    later = wait_for_points(page, seen)
    assert later > seen
    assert wait_for_points(page, later) > later

    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Yes, stop it").click()
    told = page.get_by_test_id("stAlertContentWarning")
    expect(told).to_contain_text(re.compile(r"Stopped at step [\d,]+ of 120"), timeout=MINUTE)
    stopped = read_run(run.folder)
    assert stopped.state == RunState.STOPPED
    assert 0 < stopped.steps < 120
    assert stopped.has_adapter

    slowly.unlink()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Compare baseline and fine-tuned").first).to_be_visible(timeout=2 * MINUTE)
    done = read_run(run.folder)
    assert (done.state, done.steps) == (RunState.DONE, 120)
    assert wait_for_points(page, 119) == 120
    context.close()
