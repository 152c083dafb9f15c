"""The app's shell: every page opens, and the badge of the active run keeps up."""

import os
from pathlib import Path

import psutil
import pytest
from streamlit.testing.v1 import AppTest

from finsent.recipes import get_recipe
from finsent.runs import create_run, update_run

PAGES = ("home", "dataset", "model", "train", "compare", "neutral", "headlines", "runs")

APP = Path(__file__).parents[2] / "streamlit_app.py"


@pytest.fixture
def app(runs_dir):
    return AppTest.from_file(APP, default_timeout=60)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_with_a_title_and_without_an_error(app, page):
    app.run()
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    assert len(app.title) == 1


def links(app):
    return [element.proto.label for element in app.get("page_link")]


def test_without_an_active_run_there_is_no_badge(app):
    assert not any("of" in label for label in links(app.run()))


def test_the_active_run_is_named_on_every_page(app, runs_dir):
    run = create_run(get_recipe("quick"), runs_dir, name="my *run*")
    update_run(
        run.folder,
        state="training",
        pid=os.getpid(),
        pid_created=psutil.Process().create_time(),
        progress={"done": 3, "total": 9, "unit": "steps"},
    )
    assert any("training, 3 of 9 steps" in label and r"my \*run\*" in label for label in links(app.run()))


def test_the_end_of_the_watched_run_is_announced_once(app, runs_dir):
    run = create_run(get_recipe("quick"), runs_dir, name="mine")
    update_run(run.folder, state="training", pid=os.getpid(), pid_created=psutil.Process().create_time())
    assert not app.run().toast
    update_run(run.folder, state="done")
    assert [toast.value for toast in app.run().toast] == ["Run mine has ended: done."]
    assert not app.run().toast
