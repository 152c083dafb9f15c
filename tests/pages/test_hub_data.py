"""Data sets of the hub on the pages, against a hub of this machine: parts, sizes, fetching, what is asked."""

import time
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from finsent.data.choices import Choices
from finsent.data.dataset import load_data
from pages.dataset import source as dataset_source
from pages.shared import places
from pages.train import form
from tests.data.test_hub_set import CARD, FILES, NAME

APP = Path(__file__).parents[2] / "pages" / "app.py"


@pytest.fixture
def server(local_hub, monkeypatch):
    """The hub with a data set of two configurations, which is in the pages' lists (AppTest knows values from these)."""
    local_hub.add(NAME, FILES, kind="datasets", cardData=CARD)
    for module in (dataset_source, form):
        monkeypatch.setitem(module.SOURCES, NAME, NAME)
    st.cache_data.clear()
    st.cache_resource.clear()
    return local_hub


@pytest.fixture
def opened(server, runs_dir):
    """Open a page with that data set in the address, in a session that has agreed to read it."""

    def opened(page: str, **address: str) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=60).run()
        app.query_params.update(address)
        return app.switch_page(page).run()

    return opened


def words(app: AppTest) -> str:
    shown = [*app.markdown, *app.caption, *app.code, *app.error]
    return " ".join(str(element.value) for element in shown).replace("\\", "")


def until(app: AppTest, held, seconds: float = 60) -> AppTest:
    """Look at a page again and again, as its fragment does by itself, until something holds."""
    deadline = time.monotonic() + seconds
    while not held(app):
        assert time.monotonic() < deadline, words(app)
        time.sleep(0.2)
        app.run()
    assert not app.exception
    return app


def test_dataset_asks_which_part_says_its_size_fetches_and_asks_what_labels_mean(opened, server):
    app = opened(places.DATASET, data=NAME)
    assert not app.exception and not app.error
    for part in ("On the model hub", "Licence: mit.", "Configuration posts: train 1.07 KB.", "Which configuration of"):
        assert part in words(app), part
    assert "fetch-data" not in [button.key for button in app.button]
    app.selectbox(key="column").set_value("posts")
    app.button(key="use-these").click().run()
    assert app.button(key="fetch-data").label.replace("\\", "") == f"Fetch {NAME} (1.07 KB)"
    assert not [one for one in server.requests if "resolve" in one and "posts" in one]
    app.button(key="fetch-data").click().run()
    until(app, lambda app: "meaning-0" in [box.key for box in app.selectbox])
    for place, label in enumerate(("negative", "neutral", "positive")):
        app.selectbox(key=f"meaning-{place}").set_value(label)
    app.button(key="use-these").click().run()
    assert app.metric[0].value == "30"
    (link,) = [one for one in app.get("page_link") if one.proto.label == "Train on this"]
    assert "quick-configuration=posts" in link.proto.query_string


def test_train_leads_to_the_question_and_launches_what_is_chosen_and_fetched(opened, server):
    app = opened(places.TRAIN, **{"quick-data": NAME})
    assert not app.exception and app.button(key="launch").disabled
    assert "several configurations: headlines, posts" in words(app)
    assert "Answer it on Dataset" in [one.proto.label for one in app.get("page_link")]
    address = {"quick-data": NAME, "quick-configuration": "headlines"}
    app = opened(places.TRAIN, **address)
    assert app.button(key="launch").disabled and app.button(key="fetch-data")
    load_data(NAME, Choices(configuration="headlines"))
    app = opened(places.TRAIN, **address)
    assert not app.error and not app.button(key="launch").disabled
    assert "27 training rows" in words(app) and "--configuration=headlines" in words(app)
    # What was decided about one source does not hold for another.
    app.selectbox(key="quick-data").set_value("embedded").run()
    assert "--configuration" not in words(app) and not app.button(key="launch").disabled


def test_what_the_hub_does_not_give_is_one_sentence(opened, server, monkeypatch):
    server.faults[NAME] = ("all", 503)
    app = opened(places.DATASET, data=NAME)
    (error,) = app.error
    assert "a fault of its own over owner/news (503)" in error.value.replace("\\", "")
    assert not app.exception and not app.metric
