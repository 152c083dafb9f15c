"""A walk over all pages leaves no warning in the log, whatever an address or a click sets."""

import logging

import pandas as pd
import pytest
from streamlit.elements.lib import policies
from streamlit.testing.v1 import AppTest

from pages.headlines.asking import EXAMPLES, MANY
from pages.shared import places
from pages.shared.why import ONE
from tests.pages.test_app import APP, PAGES
from tests.pages.test_headlines import asked  # noqa: F401
from tests.predictions import made_pair, made_run

#: What Streamlit says of a test's own thread, which no server has.
BARE = "missing ScriptRunContext"
CELL = {"gold": "positive", "answer": "neutral", "model": "tuned"}


@pytest.fixture
def app(runs_dir, asked, monkeypatch):  # noqa: F811
    taught = [f"Made text {number} was taught with news {number % 7}" for number in range(40)]
    training = pd.DataFrame({"text": taught, "label": ["neutral", "positive", "negative", "neutral"] * 10})
    for seed in range(2):
        made_run(runs_dir, *made_pair(160, seed, validation=60), training, name=f"made {seed}")
    # Streamlit says this once in a process's life.
    monkeypatch.setattr(policies, "_shown_default_value_warning", False)
    return AppTest.from_file(APP, default_timeout=120).run()


@pytest.fixture
def warned(caplog):
    """What the log says that is more than information."""

    def found():
        worse = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
        return [words for words in worse if BARE not in words]

    return found


def test_a_walk_over_all_pages(app, warned):
    for page in PAGES:
        app.switch_page(page).run()
        assert not app.exception
        assert warned() == [], page


@pytest.mark.parametrize(
    ("page", "address"),
    [
        (places.COMPARE, CELL | {"classes": "five", "figure": "F1", "transition": "fixed", "of": "neutral"}),
        (places.NEUTRAL, {"part": "Labels worth a second look", "split": "Validation texts"}),
        (places.HEADLINES, {"text": "Profit rose.", "edit": "Profit fell.", "mode": ONE}),
        (places.TRAIN, {"quick-rows": "64", "seeds": "three"}),
    ],
)
def test_an_address_that_says_what_is_chosen(app, warned, page, address):
    for name, value in address.items():
        app.query_params[name] = value
    app.switch_page(page).run()
    assert not app.exception
    assert warned() == []


def test_a_cell_that_was_clicked(app, warned):
    app.switch_page(places.COMPARE).run()
    for name, value in CELL.items():
        app.session_state[name] = value
    app.run()
    assert app.selectbox(key="gold").value == "positive"
    assert warned() == []


def test_an_example_that_was_clicked(app, warned):
    app.switch_page(places.HEADLINES).run()
    app.button(key="example-1").click().run()
    assert not app.exception
    assert app.text_input(key="text").value == EXAMPLES[1]
    assert warned() == []


def test_a_failure_that_was_opened(app, warned):
    app.switch_page(places.HEADLINES).run()
    app.segmented_control(key="mode").set_value(MANY).run()
    for name, value in {"text": "Profit rose.", "edit": "PROFIT ROSE.", "mode": ONE}.items():
        app.session_state[name] = value
    app.run()
    assert not app.exception
    assert app.text_input(key="text").value == "Profit rose."
    assert warned() == []
