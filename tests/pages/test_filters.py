"""Filters: they stand in the address, hold for their own page and data alone, and hide nothing of others."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from finsent.data.stored import stored_sources
from finsent.models.base import MODELS
from pages.shared import places
from tests.predictions import made_run, twelve

PAGES = Path(__file__).parents[2] / "pages"
SEARCH, FILTERS = "launch", {"label": ["neutral"], "split": ["train"]}


@pytest.fixture
def app(runs_dir):
    made_run(runs_dir, *twelve())
    return AppTest.from_file(PAGES / "app.py", default_timeout=60).run()


def visit(app, place, **address):
    """Go to a page, as by its link: the address is its own."""
    app.switch_page(place)
    app.query_params.clear()
    app.query_params.update(address)
    app.run()
    assert not app.exception
    return app


def odd(app):
    """What an address says that nobody chose."""
    said = {name: [value] if isinstance(value, str) else value for name, value in app.query_params.items()}
    return [f"{name}={values}" for name, values in said.items() if {"None", "[]", ""} & {*values} or not values]


def bound_keys(file):
    """The keys of a module's widgets that stand in the address, as far as they are written out."""
    for call in ast.walk(ast.parse(file.read_text())):
        if isinstance(call, ast.Call):
            given = {one.arg: one.value.value for one in call.keywords if isinstance(one.value, ast.Constant)}
            if given.get("bind") == "query-params" and "key" in given:
                yield given["key"]


def test_no_two_pages_have_a_filter_of_one_name():
    pages = defaultdict(set)
    for file in PAGES.rglob("*.py"):
        for key in bound_keys(file):
            pages[key].add(file.parent.name)
    for name in ("label", "split", "source", "topic", "task"):
        pages[name].add("dataset")
    assert len(pages) > 40
    assert not {key: where for key, where in pages.items() if len(where) > 1}


def test_filters_of_dataset_do_not_filter_neutral_news_and_are_there_again(app):
    visit(app, places.DATASET, search=SEARCH, **FILTERS)
    visit(app, places.NEUTRAL)
    assert [box.value for box in app.text_input] == [""]
    assert app.radio[0].value == "test"
    assert not odd(app)
    app.text_input[0].set_value("branch").run()
    visit(app, places.DATASET)
    assert app.text_input(key="search").value == SEARCH
    assert {name: app.multiselect(key=name).value for name in FILTERS} == FILTERS
    assert not odd(app)


def test_the_part_of_compare_is_none_of_neutral_news(app):
    visit(app, places.COMPARE, part="Threshold")
    visit(app, places.NEUTRAL)
    assert not odd(app)
    visit(app, places.COMPARE)
    assert app.query_params["part"] == "Threshold"


def test_the_part_of_neutral_news_is_none_of_compare(app, monkeypatch):
    monkeypatch.setattr("pages.neutral.labels.show_labels", lambda *_: None)
    visit(app, places.NEUTRAL)
    next(part for part in app.segmented_control if part.label == "Show").set_value("labels").run()
    visit(app, places.COMPARE)
    assert not odd(app)
    visit(app, places.NEUTRAL)
    assert next(part for part in app.segmented_control if part.label == "Show").value == "labels"


def test_the_model_of_a_cell_is_no_base_model(app):
    visit(app, places.COMPARE)
    next(radio for radio in app.radio if radio.label == "Model").set_value("tuned").run()
    visit(app, places.MODEL)
    assert app.selectbox(key="model").value == MODELS["embedded"]
    assert not odd(app)


def shown_rows(app):
    return next(element.value for element in app.markdown if "Choose one to open it." in element.value)


@pytest.fixture
def own_file(app, tmp_path):
    """A file of one's own that is kept here, but not shown yet."""
    lines = (f"item {place} of the long winter sale was sold,positive\n" for place in range(20))
    (tmp_path / "own.csv").write_text("text,label\n" + "".join(lines))
    visit(app, places.DATASET)
    app.file_uploader[0].upload("own.csv", (tmp_path / "own.csv").read_bytes(), "text/csv")
    return tmp_path / "own.csv"


def test_filters_of_other_data_hide_nothing_of_a_file_that_is_opened(app, own_file):
    app.text_input(key="search").set_value(SEARCH)
    app.slider(key="length").set_value((60, 70))
    app.multiselect(key="label").set_value(["neutral"]).run()
    assert not app.exception
    app.run()
    (stored,) = stored_sources()
    assert app.selectbox(key="data").value == str(stored.path)
    assert shown_rows(app).startswith("**20** of 20 rows")
    assert app.text_input(key="search").value == ""
    assert not {"search", "label", "length"} & {*app.query_params}


def test_filters_are_forgotten_when_other_data_are_chosen(app, tmp_path, own_file):
    app.run()
    app.text_input(key="search").set_value("item 1 ").run()
    assert shown_rows(app).startswith("**1** of 20 rows")
    app.selectbox(key="data").set_value("embedded").run()
    assert shown_rows(app).startswith("**1,319** of 1,319 rows")
    assert "search" not in app.query_params


def test_filters_that_a_link_brings_with_its_data_hold_and_those_of_others_hide_nothing(app, own_file):
    app.run()
    linked = {"data": "Your file: own.csv"}
    for search, shown in ({}, "20"), ({"search": "item 1 "}, "1"):
        app.selectbox(key="data").set_value("embedded").run()
        app.text_input(key="search").set_value(SEARCH).run()
        visit(app, places.LAB)
        visit(app, places.DATASET, **linked, **search)
        assert shown_rows(app).startswith(f"**{shown}** of 20 rows")
    assert app.query_params["search"] == "item 1 "
