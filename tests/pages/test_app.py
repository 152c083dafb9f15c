"""The app's shell: every page opens, and the badge of the active run keeps up."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from streamlit.testing.v1 import AppTest

from finsent.recipe import get_recipe
from finsent.runs.store import create_run, update_run
from pages.shared import places
from tests.test_files import bad_paths

PAGES = (
    places.LAB,
    places.DATASET,
    places.MODEL,
    places.TRAIN,
    places.COMPARE,
    places.NEUTRAL,
    places.HEADLINES,
    places.RUNS,
)

APP = Path(__file__).parents[2] / "pages" / "app.py"


@pytest.fixture
def app(runs_dir):
    return AppTest.from_file(APP, default_timeout=60)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_with_a_title_and_without_an_error(app, page):
    app.run()
    app.switch_page(page).run()
    assert not app.exception
    assert len(app.title) == 1


@pytest.mark.security("An address of a page holds what can be no path", "One sentence says so")
@pytest.mark.parametrize("kind", ["home", "long", "NUL", "through a file"])
@pytest.mark.parametrize(
    ("page", "asks"),
    [
        (places.DATASET, "data"),
        (places.MODEL, "model"),
        (places.TRAIN, "quick-data"),
        (places.TRAIN, "quick-model"),
    ],
)
def test_what_can_be_no_path_is_one_sentence_on_every_page_that_takes_one(app, tmp_path, page, asks, kind):
    path, words = bad_paths(tmp_path)[kind]
    app.run()
    app.query_params[asks] = path
    app.switch_page(page).run()
    assert not app.exception
    (error,) = [element.value.replace("\\", "") for element in app.error]
    assert words in error


def test_a_folder_of_runs_that_can_be_no_path_is_one_sentence(app, monkeypatch):
    monkeypatch.setenv("FINSENT_RUNS", "~nobody-of-that-name/runs")
    app.run()
    assert not app.exception
    assert ["home folder is unknown" in element.value for element in app.error] == [True]


def links(app):
    return [element.proto.label for element in app.get("page_link")]


def test_without_an_active_run_there_is_no_badge(app):
    assert not any("done at" in label or "time not known" in label for label in links(app.run()))


def test_the_active_run_says_on_every_page_when_it_ends(app, runs_dir):
    run = create_run(get_recipe("quick"), runs_dir, name="mine")
    alive = {"pid": os.getpid(), "pid_created": psutil.Process().create_time()}
    update_run(run.folder, state="preparing", started=datetime.now(UTC), estimated_seconds=7_200.0, **alive)
    (label,) = [label for label in links(app.run()) if "mine" in label]
    assert re.fullmatch(r"Preparing, done at about \d\d:\d\d, (2 h|1 h 59 min) left: mine", label)
    (said,) = [element.value for element in app.markdown if "A run is at work" in element.value]
    assert "done at about" in said


def test_the_active_run_is_named_on_every_page(app, runs_dir):
    run = create_run(get_recipe("quick"), runs_dir, name="my *run*")
    update_run(
        run.folder,
        state="training",
        pid=os.getpid(),
        pid_created=psutil.Process().create_time(),
        progress={"done": 3, "total": 9, "unit": "steps"},
    )
    assert any(label == r"Training, time not known yet: my \*run\*" for label in links(app.run()))


def test_the_end_of_the_watched_run_is_announced_once(app, runs_dir):
    run = create_run(get_recipe("quick"), runs_dir, name="mine")
    update_run(run.folder, state="training", pid=os.getpid(), pid_created=psutil.Process().create_time())
    assert not app.run().toast
    update_run(run.folder, state="done")
    assert [toast.value for toast in app.run().toast] == ["Run mine has ended: done."]
    assert not app.run().toast
